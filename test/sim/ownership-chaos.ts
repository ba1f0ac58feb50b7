import { GatewayError } from '../../src/errors.ts';
import type { MoveRequest } from '../../src/ports/ownership-api.ts';
import type { GatewaySettings } from '../../src/ports/settings.ts';
import type { Rules } from '../../src/services/rules.ts';
import { BY_FORCE, moveRequest } from './move-request.ts';
import type { SimGateway } from './sim-gateway.ts';
import { SimWorld } from './sim-world.ts';
import { SeededRandom } from './world/random.ts';

export interface OwnershipChaosOptions {
  readonly seed: number;
  readonly rules?: Rules;
  readonly forgets?: (record: string) => boolean;
  readonly settings?: Partial<GatewaySettings>;
  /** How long faults happen; when not given, short in most seeds. */
  readonly chaosMs?: number;
  /** Two, or in some seeds three, when not given. */
  readonly names?: readonly string[];
}

/** Short, so that a run of a few virtual seconds has a whole story of deaths and moves in it. */
const INTERVAL_MS = 400;
const BEGIN_MS = 50;
/** Most runs see one death or one move and what becomes of it; some see one after the other. */
const SHORT_MS = 1300;
const LONG_MS = 5000;
/** Longer than anything that a gateway waits for by itself. */
const SETTLED_MS = 120_000;
const LOOK_MS = 200;
const ORIGINS = ['orders', 'audit'] as const;
const THREE = ['dc1', 'dc2', 'dc3'] as const;

type Fault = (world: SimWorld, gateway: SimGateway, random: SeededRandom) => void;

/** What can happen, and how often in comparison: deaths, cuts, slow and full disks, and everything that moves ownership. */
const FAULTS: readonly (readonly [weight: number, fault: Fault])[] = [
  [10, (world, gateway, random) => gateway.application.post(random.pick(ORIGINS), undefined, workloadOf(world))],
  [4, (world, gateway) => world.network.cut(gateway.name, otherOf(world, gateway).name)],
  [2, (world, gateway) => world.network.change(gateway.name, otherOf(world, gateway).name, { isCut: true })],
  [6, (world, gateway) => world.network.heal(gateway.name, otherOf(world, gateway).name)],
  [2, (world, gateway, random) => roughen(world, gateway, random)],
  [3, (_world, gateway) => gateway.kill()],
  [8, (_world, gateway) => gateway.start()],
  [2, (_world, gateway) => gateway.stop()],
  [5, (_world, gateway) => gateway.resume()],
  [1, (_world, gateway) => gateway.failDisk('store-full')],
  [3, (_world, gateway) => gateway.failDisk(null)],
  [
    2,
    (_world, gateway, random) =>
      Object.assign(gateway.pace, { latencyMs: random.int(0, 5), jitterMs: random.int(0, 60) }),
  ],
  [12, (world, gateway) => move(world, gateway, { to: otherOf(world, gateway).name })],
  [6, (world, gateway) => goHome(world, gateway)],
  [2, (world, gateway) => acknowledge(world, gateway)],
  [2, (_world, { application }) => application.tellHealth('critical')],
  [4, (_world, { application }) => application.tellHealth('passing')],
  [1, (_world, { application }) => (application.isIdle = true)],
  [3, (_world, { application }) => (application.isIdle = false)],
  [1, (_world, { application }, random) => (application.isReleasing = random.chance(0.5))],
];

/** With three a death may be seen by two that do not hear each other. */
const OF_THREE: readonly (readonly [weight: number, fault: Fault])[] = [
  [4, (world, gateway) => splitSurvivors(world, gateway)],
  [8, (world, gateway) => healOf(world, gateway)],
];

/** In some worlds an operator overrules everything now and then. */
const FORCED: readonly (readonly [weight: number, fault: Fault])[] = [
  ...FAULTS,
  [5, (world, gateway) => force(world, gateway, workloadOf(world))],
];

/** A short run of faults around owners, then peace until everybody agrees who does the work: one seed, one story. */
export async function runOwnership(options: OwnershipChaosOptions): Promise<SimWorld> {
  const random = new SeededRandom(options.seed ^ 0x5eed);
  const names = random.chance(0.15) ? THREE : (options.names ?? ['dc1', 'dc2']);
  const settings = { ...drawSettings(random, names), ...options.settings };
  const faults = [...(random.chance(0.25) ? FORCED : FAULTS), ...(names.length > 2 ? OF_THREE : [])];
  const world = new SimWorld({ ...options, names, settings });
  const drawnMs = random.chance(0.1) ? LONG_MS : SHORT_MS;
  const { chaosMs = drawnMs } = options;
  world.oracle.judgesSilence = false;
  for (const gateway of world.gateways) beginApplication(gateway, random);
  for (const gateway of world.gateways) gateway.start();
  await world.run(BEGIN_MS);
  const end = world.timeline.now + chaosMs;
  while (world.timeline.now < end) {
    draw(faults, random)(world, random.pick(world.gateways), random);
    await world.run(random.int(1, 200));
  }
  await settle(world);
  return world;
}

function drawSettings(random: SeededRandom, names: readonly string[]): Partial<GatewaySettings> {
  return {
    heartbeatIntervalMs: INTERVAL_MS,
    missesAllowed: random.pick([1, 2, 2, 3]),
    requestTimeoutMs: 600,
    releaseTimeoutMs: 300,
    takeoverPolicy: random.pick(['automatic', 'automatic', 'automatic', 'manual']),
    takeoverOrder: random.chance(0.5) ? [] : [random.pick(names)],
    takeoverBlockPeriodMs: random.pick([0, 0, 2000]),
    failback: random.pick(['manual', 'manual', 'automatic']),
    failbackDelayMs: 1000,
  };
}

function beginApplication({ application }: SimGateway, random: SeededRandom): void {
  application.repeatMs = 2000;
  application.whenAsked = ({ origins, workload }) => {
    for (const origin of origins ?? ORIGINS) if (random.chance(0.6)) application.post(origin, undefined, workload);
  };
}

/** Everything works again, and everybody comes to an end with what is under way, and to one mind. */
async function settle(world: SimWorld): Promise<void> {
  world.healAll();
  for (const { application, pace } of world.gateways) {
    Object.assign(application, { isIdle: false, isReleasing: true });
    Object.assign(pace, { latencyMs: 0, jitterMs: 0 });
  }
  await until(world, () => problemOf(world));
  // Whatever is contested is settled by one command, given at any of them.
  for (const { name } of world.gateways) {
    const [gateway] = world.gateways;
    if (gateway?.gateway?.api.ownership.row(name).contestedBy == null) continue;
    force(world, gateway, name);
    await until(world, () => (isContested(world, name) ? `${name} is contested still` : problemOf(world)));
  }
}

async function until(world: SimWorld, problem: () => string | null): Promise<void> {
  const end = world.timeline.now + SETTLED_MS;
  for (;;) {
    for (const { application } of world.gateways) application.tellHealth('passing');
    await world.run(LOOK_MS);
    const found = problem();
    if (found === null) return;
    if (world.timeline.now >= end) throw world.violated(found);
  }
}

function problemOf(world: SimWorld): string | null {
  for (const gateway of world.gateways) {
    if (!gateway.isRunning) return `${gateway.name} does not run`;
    for (const { name } of gateway.settings.peers)
      if (gateway.stateOf(name ?? '') !== 'up') return `${gateway.name} does not see that ${name ?? ''} is up`;
  }
  return world.ownership.unsettled();
}

function isContested(world: SimWorld, workload: string): boolean {
  return world.gateways.some(({ gateway }) => gateway?.api.ownership.row(workload).contestedBy != null);
}

function draw(faults: typeof FAULTS, random: SeededRandom): Fault {
  const whole = faults.reduce((sum, [weight]) => sum + weight, 0);
  let at = random.int(1, whole);
  for (const [weight, fault] of faults) {
    at -= weight;
    if (at <= 0) return fault;
  }
  throw new Error('the weights do not add up');
}

function otherOf(world: SimWorld, gateway: SimGateway): SimGateway {
  return world.random.pick(world.gateways.filter((other) => other !== gateway));
}

function workloadOf(world: SimWorld): string {
  return world.random.pick(world.gateways).name;
}

/** An operator asks this gateway, which may have to ask another one; that is refused as often as not. */
function move(world: SimWorld, gateway: SimGateway, changes: Partial<MoveRequest> & { readonly to: string }): void {
  if (!gateway.isRunning) return;
  const request = moveRequest(workloadOf(world), changes.to, { actor: 'operator', ...changes });
  gateway.gateway?.api.ownership.move(request).catch((error: unknown) => {
    if (!(error instanceof GatewayError)) gateway.application.complaints.push(`moving: ${String(error)}`);
  });
}

function goHome(world: SimWorld, gateway: SimGateway): void {
  const workload = workloadOf(world);
  move(world, gateway, { workload, to: workload });
}

function force(world: SimWorld, gateway: SimGateway, workload: string): void {
  world.ownership.excuse(workload);
  move(world, gateway, { workload, to: gateway.name, ...BY_FORCE });
}

function acknowledge(world: SimWorld, { gateway, application }: SimGateway): void {
  gateway?.api.ownership.acknowledge(workloadOf(world), 'operator').catch((error: unknown) => {
    if (!(error instanceof GatewayError)) application.complaints.push(`acknowledging: ${String(error)}`);
  });
}

function splitSurvivors(world: SimWorld, gateway: SimGateway): void {
  gateway.kill();
  const [a, b] = world.gateways.filter((other) => other !== gateway);
  if (a !== undefined && b !== undefined) world.network.cut(a.name, b.name);
}

function healOf(world: SimWorld, gateway: SimGateway): void {
  for (const other of world.gateways) if (other !== gateway) world.network.heal(gateway.name, other.name);
}

function roughen(world: SimWorld, gateway: SimGateway, random: SeededRandom): void {
  world.network.between(gateway.name, otherOf(world, gateway).name, {
    loss: random.between(0, 0.4),
    latencyMs: random.int(1, 60),
    jitterMs: random.int(0, 100),
    duplicates: random.between(0, 0.3),
    bytesPerMs: random.pick([1, 10_000]),
  });
}
