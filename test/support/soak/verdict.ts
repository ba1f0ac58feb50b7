import type { HeldView, OutgoingView } from '../../../src/ports/gateway-api.ts';
import type { GatewayProcess } from '../gateway-process.ts';
import { sha256 } from '../test-app.ts';
import type { Complaint } from './ledger.ts';
import type { Poster } from './poster.ts';
import type { Gateway } from './site.ts';

/** What no gateway may ever say, whatever is done to it from outside. */
const FORBIDDEN = ['a task failed unexpectedly', 'an unexpected failure; the gateway ends'];

/**
 * Whether the newest snapshot of the origin that was accepted, or a newer one, is at both gateways, to the last byte.
 *
 * @returns how many bytes were compared
 */
export async function checkOrigin(poster: Poster, peer: GatewayProcess, complain: Complaint): Promise<number> {
  const { gateway, ledger } = poster;
  const outgoing = rowOf(await rowsAt<OutgoingView>(gateway, '/v1/snapshots'), ledger.origin);
  const held = rowOf(await rowsAt<HeldView>(peer, `/v1/peers/${gateway.name}/snapshots`), ledger.origin);
  const own = outgoing && { ...outgoing, isWithdrawn: outgoing.withdrawn };
  const theirs = held && { ...held, isWithdrawn: held.state === 'withdrawn' };
  let bytes = 0;
  for (const { at, row, href } of [
    { at: gateway, row: own, href: `/v1/snapshots/${encodeURIComponent(ledger.origin)}` },
    { at: peer, row: theirs, href: `/v1/peers/${gateway.name}/snapshots/${encodeURIComponent(ledger.origin)}` },
  ]) {
    const where = `${gateway.name}'s ${ledger.origin} at ${at.name}`;
    if (row === undefined) {
      if (ledger.hasAccepted) complain(`${where}: there is none, though one was accepted`);
      continue;
    }
    const problem = ledger.problemWith(row);
    if (problem !== null) complain(`${where}: ${problem}`);
    bytes += await checkBytes(at, { where, row, href }, complain);
  }
  return bytes;
}

interface Place {
  readonly where: string;
  readonly row: { readonly sha256: string; readonly bytes: number; readonly isWithdrawn: boolean };
  readonly href: string;
}

async function checkBytes(at: GatewayProcess, { where, row, href }: Place, complain: Complaint): Promise<number> {
  const { status, body } = await at.api(href);
  if (row.isWithdrawn) {
    if (status !== 404) complain(`${where}: it is withdrawn, and reading it is answered ${status}`);
    return 0;
  }
  if (status !== 200) complain(`${where}: reading it is answered ${status}: ${body.toString()}`);
  else if (sha256(body) !== row.sha256 || body.length !== row.bytes)
    complain(`${where}: its bytes are not those posted`);
  return body.length;
}

/** What it logged and the events that it raised tell of no defect. */
export function checkStory(gateway: Gateway, complain: Complaint): void {
  const { process, name } = gateway;
  for (const line of process.log.all) {
    if (FORBIDDEN.includes(line.msg)) complain(`${name} logged: ${JSON.stringify(line)}`);
  }
  for (const { data } of process.events.of('snapshot-damaged'))
    complain(`${name} found damage: ${JSON.stringify(data)}`);
  checkAlternation(gateway, complain);
}

/** A store's failure is said once, then its recovery; a run that was killed between may have left it unsaid. */
function checkAlternation({ process, name, endsMs }: Gateway, complain: Complaint): void {
  const failingSince = new Map<string, number>();
  for (const { data } of process.events.all) {
    if (data.type !== 'store-error' && data.type !== 'store-recovered') continue;
    const at = Date.parse(data.at);
    const since = failingSince.get(data.store);
    const isOfEarlierRun = since !== undefined && endsMs.some((end) => since <= end && end <= at);
    if (data.type === 'store-error') {
      if (since !== undefined && !isOfEarlierRun) complain(`${name} said twice that the store ${data.store} fails`);
      failingSince.set(data.store, at);
    } else {
      if (since === undefined || isOfEarlierRun)
        complain(`${name} said that the store ${data.store} recovered, but not that it had failed`);
      failingSince.delete(data.store);
    }
  }
}

async function rowsAt<T>(at: GatewayProcess, path: string): Promise<T[]> {
  const answer = await at.api(path);
  if (answer.status !== 200) throw new Error(`${at.name} answered ${path} with ${answer.status}`);
  return answer.json() as T[];
}

function rowOf<T extends { readonly origin: string }>(rows: readonly T[], origin: string): T | undefined {
  return rows.find((row) => row.origin === origin);
}
