import type { OwnershipRow } from '../../core/ownership.ts';
import { GatewayError } from '../../errors.ts';
import type { MoveRequest } from '../../ports/ownership-api.ts';
import type { MovePlan } from '../../wire/ownership.ts';
import { emptyBody, moveBody } from './bodies.ts';
import { readJson, readNoFields } from './body.ts';
import { sendJson, sendNothing, type Exchange, type Route } from './exchange.ts';
import { workloadOf, workloadSegmentOf } from './parameters.ts';

/** What load balancers ask, every few milliseconds: these come first among the paths, and read one row. */
export const primaryRoutes: readonly Route[] = [
  { path: '/primary', methods: { get: sendPrimary }, isForReaders: true },
  { path: '/standby', methods: { get: sendStandby }, isForReaders: true },
];

/** Who owns the work, and how it is moved (interface §8). */
export const ownershipRoutes: readonly Route[] = [
  { path: '/v1/ownership', methods: { get: listRows }, isForReaders: true },
  { path: '/v1/ownership/:workload', methods: { get: showRow, post: move }, isForReaders: true },
  { path: '/v1/ownership/:workload/released', methods: { post: release } },
  { path: '/v1/ownership/:workload/ack', methods: { post: acknowledge } },
];

function listRows({ response, context }: Exchange): void {
  sendJson(response, 200, context.api.ownership.rows());
}

function showRow({ request, response, context }: Exchange): void {
  sendJson(response, 200, context.api.ownership.row(workloadSegmentOf(request)));
}

async function move(exchange: Exchange): Promise<void> {
  const { request, response, context } = exchange;
  const workload = workloadSegmentOf(request);
  const { to, ifEpoch, force, acceptDataLoss, dryRun } = await readJson(exchange, moveBody);
  const wanted: MoveRequest = {
    workload,
    to,
    ifEpoch: ifEpoch ?? null,
    force,
    acceptDataLoss,
    dryRun,
    actor: actorOf(exchange),
  };
  const { ownership } = context.api;
  if (dryRun) {
    sendJson(response, 200, await planOf(ownership.move(wanted)));
    return;
  }
  if (force && !acceptDataLoss) throw lossNotAccepted(await planOf(ownership.move({ ...wanted, dryRun: true })));
  sendJson(response, 202, await ownership.move(wanted));
}

/** The plan, also of a change that would be refused: whoever only asks what would happen is told, and not refused. */
async function planOf(asked: Promise<MovePlan>): Promise<unknown> {
  try {
    return await asked;
  } catch (error) {
    // Only a refusal has one; whatever else went wrong is no answer to what would happen.
    if (!(error instanceof GatewayError) || error.facts.plan === undefined) throw error;
    return error.facts.plan;
  }
}

function lossNotAccepted(plan: unknown): GatewayError {
  return new GatewayError(
    'ownership-refused',
    'What is forced may lose what "losses" of the plan names, and nothing has changed; with "acceptDataLoss": true ' +
      '(crossdc failover --accept-data-loss) it is done all the same.',
    { field: 'acceptDataLoss', facts: { plan } },
  );
}

async function release(exchange: Exchange): Promise<void> {
  const workload = workloadSegmentOf(exchange.request);
  await readNoFields(exchange, emptyBody);
  await exchange.context.api.ownership.released(workload);
  sendNothing(exchange.response);
}

async function acknowledge(exchange: Exchange): Promise<void> {
  const workload = workloadSegmentOf(exchange.request);
  await readNoFields(exchange, emptyBody);
  await exchange.context.api.ownership.acknowledge(workload, actorOf(exchange));
  sendNothing(exchange.response);
}

/** Who asks, for the record: the guard lets nobody change anything but the bearer of the one token, where there is one. */
function actorOf({ response, context }: Exchange): string {
  const isBearer = context.isTokenWanted && response.locals.access === 'all';
  return isBearer ? 'operator (localApiToken)' : 'operator (no token)';
}

function sendPrimary(exchange: Exchange): void {
  const { workload, row, notPrimaryBecause: reason } = served(exchange);
  answer(exchange, row, reason === null, { primary: reason === null, workload, reason });
}

function sendStandby(exchange: Exchange): void {
  const { workload, row } = served(exchange);
  const reason = notStandbyBecause(exchange, row);
  answer(exchange, row, reason === null, { standby: reason === null, workload, reason });
}

const UNKNOWN = 'the workload is not known here';

function notStandbyBecause({ context }: Exchange, row: OwnershipRow | null): string | null {
  if (row === null) return UNKNOWN;
  if (row.owner === context.api.dataCenter) return `owned here (epoch ${row.epoch})`;
  return context.api.isShuttingDown ? 'shutting down' : null;
}

interface Served {
  readonly workload: string;
  /** null: it is not known. */
  readonly row: OwnershipRow | null;
  readonly notPrimaryBecause: string | null;
}

/** Without a name it is the data centre's own workload. A load balancer takes an unknown one for not served here. */
function served({ request, context }: Exchange): Served {
  const workload = workloadOf(request) ?? context.api.dataCenter;
  try {
    return { workload, ...context.api.ownership.serving(workload) };
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'not-found')
      return { workload, row: null, notPrimaryBecause: UNKNOWN };
    throw error;
  }
}

/** The headers are there for whoever asks with HEAD: the epoch fences, the owner says where to go instead. */
function answer({ response }: Exchange, row: OwnershipRow | null, isYes: boolean, body: object): void {
  if (row !== null) {
    response.setHeader('crossdc-epoch', row.epoch);
    response.setHeader('crossdc-owner', row.owner);
  }
  sendJson(response, isYes ? 200 : 503, { ...body, owner: row?.owner ?? null, epoch: row?.epoch ?? null });
}
