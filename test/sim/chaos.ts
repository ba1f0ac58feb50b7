import { createHash } from 'node:crypto';
import type { GatewaySettings } from '../../src/ports/settings.ts';
import type { Rules } from '../../src/services/rules.ts';
import { Violation } from './oracle.ts';
import { SimWorld } from './sim-world.ts';
import type { SimGateway } from './sim-gateway.ts';
import { SeededRandom } from './world/random.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly rules?: Rules;
  readonly names?: readonly string[];
  readonly settings?: Partial<GatewaySettings>;
}

const ORIGINS = ['orders', 'audit', 'stock'] as const;
const CHAOS_MS = 30_000;
/** Two intervals, and as long as a start from a slow disk takes. */
const SEEN_MS = 2000 + 500;
/** Longer than the longest back-off of a transfer, and than the time in which a repeat reaches the application. */
const QUIET_MS = 32_000;

type Fault = (world: SimWorld, gateway: SimGateway, random: SeededRandom) => void;

/** What can happen, and how often in comparison. */
const FAULTS: readonly (readonly [weight: number, fault: Fault])[] = [
  [10, (_world, gateway, random) => gateway.application.post(random.pick(ORIGINS))],
  [1, (_world, gateway, random) => gateway.application.withdraw(random.pick(ORIGINS))],
  [2, (world, gateway) => world.network.cut(gateway.name, otherOf(world, gateway).name)],
  [3, (world, gateway) => world.network.change(gateway.name, otherOf(world, gateway).name, { isCut: true })],
  [4, (world, gateway, random) => heal(world, gateway, random)],
  [2, (world, gateway, random) => roughen(world, gateway, random)],
  [
    1,
    (world, gateway, random) =>
      world.network.change(gateway.name, otherOf(world, gateway).name, { breakAtByte: random.int(0, 200) }),
  ],
  [1, (world, gateway) => world.network.change(gateway.name, otherOf(world, gateway).name, { corruption: 0.5 })],
  [2, (_world, gateway) => gateway.kill()],
  [6, (_world, gateway) => restart(gateway)],
  [2, (_world, gateway) => gateway.stop()],
  [5, (_world, gateway) => gateway.resume()],
  [1, (_world, gateway, random) => gateway.skew.jump(random.pick([-3_600_000, 3_600_000]))],
  [1, (_world, gateway, random) => gateway.failDisk(random.pick(['store-full', 'store-unavailable']))],
  [2, (_world, gateway) => gateway.failDisk(null)],
  [2, (_world, gateway, random) => rot(gateway, random)],
  [
    1,
    (_world, gateway, random) =>
      Object.assign(gateway.pace, { latencyMs: random.int(0, 20), jitterMs: random.int(0, 100) }),
  ],
];

/** A run of random faults, then peace, then judgement: one seed, one story. */
export async function runChaos(options: ChaosOptions): Promise<SimWorld> {
  const settings = { ...drawSettings(new SeededRandom(options.seed)), ...options.settings };
  const world = new SimWorld({ ...options, settings });
  const { random } = world;
  await world.begin();
  const end = world.timeline.now + CHAOS_MS;
  while (world.timeline.now < end) {
    draw(random)(world, random.pick(world.gateways), random);
    await world.run(random.int(1, 1500));
  }
  world.healAll();
  await world.run(SEEN_MS);
  world.checkAllSeen();
  await world.run(QUIET_MS);
  world.checkSettled();
  for (const gateway of world.gateways) checkWhole(gateway);
  return world;
}

/** Where everything that is stored is verified again and again, nothing damaged is offered in the end. */
function checkWhole(gateway: SimGateway): void {
  if (gateway.settings.scrubIntervalMs === Infinity) return;
  for (const versions of gateway.disk.snapshots.get('held')?.values() ?? []) {
    for (const { row, bytes } of versions.values()) {
      const digest = createHash('sha256')
        .update(bytes ?? '')
        .digest('hex');
      if (row.place !== 'live' || digest === row.sha256 || gateway.isKnownLost(row)) continue;
      throw new Violation(`${gateway.name} offers ${row.key.origin}@${row.version}, which is damaged`);
    }
  }
}

/** What operators may have configured; every seed its own. */
function drawSettings(random: SeededRandom): Partial<GatewaySettings> {
  return {
    missesAllowed: random.pick([1, 2, 3, 4]),
    snapshotHistory: random.pick([0, 1, 3]),
    parallelTransfers: random.pick([1, 2]),
    returnAtStartup: random.chance(0.3),
    retainHeldAtStartup: random.chance(0.8),
    scrubIntervalMs: random.pick([Infinity, 5000, 15_000]),
    archiveMaxAgeMs: random.pick([Infinity, 0, 5000]),
    archiveMaxBytes: random.pick([Infinity, 0, 300]),
  };
}

function draw(random: SeededRandom): Fault {
  const whole = FAULTS.reduce((sum, [weight]) => sum + weight, 0);
  let at = random.int(1, whole);
  for (const [weight, fault] of FAULTS) {
    at -= weight;
    if (at <= 0) return fault;
  }
  throw new Error('the weights do not add up');
}

function otherOf(world: SimWorld, gateway: SimGateway): SimGateway {
  return world.random.pick(world.gateways.filter((other) => other !== gateway));
}

/** Heals one line; two intervals later both ends must see each other, if nothing happened to them meanwhile. */
function heal(world: SimWorld, gateway: SimGateway, random: SeededRandom): void {
  const other = otherOf(world, gateway);
  world.network.heal(gateway.name, other.name);
  const { life } = gateway;
  const { life: otherLife } = other;
  const isQuiet = (): boolean =>
    gateway.life === life && other.life === otherLife && gateway.isRunning && other.isRunning;
  if (!isQuiet() || !random.chance(0.7)) return;
  const { changes } = world.network;
  const healedAt = world.timeline.now;
  world.timeline.after(2 * gateway.settings.heartbeatIntervalMs + 10, null, () => {
    const wasStopped = gateway.stoppedMsSince(healedAt) + other.stoppedMsSince(healedAt) > 0;
    if (isQuiet() && !wasStopped && world.network.changes === changes) world.oracle.checkSeen(gateway.name, other.name);
  });
}

/**
 * A clock that went back and a disk that keeps nothing, both at one start, leave nothing from which numbers could grow:
 * that machine is not started before its disk works.
 */
function restart(gateway: SimGateway): void {
  if (gateway.isDiskFailing && gateway.skew.ms < 0) return;
  gateway.start();
}

/** A bit flips in something that is held for a peer, which has it still: whoever verifies what is stored is healed. */
function rot(gateway: SimGateway, random: SeededRandom): void {
  if (gateway.settings.scrubIntervalMs === Infinity) return;
  const rows = gateway.rows('held').filter((row) => row.place !== 'lost' && !row.withdrawn);
  if (rows.length === 0) return;
  const { key, version } = random.pick(rows);
  gateway.disk.damage(key, version);
}

function roughen(world: SimWorld, gateway: SimGateway, random: SeededRandom): void {
  world.network.between(gateway.name, otherOf(world, gateway).name, {
    loss: random.between(0, 0.5),
    latencyMs: random.int(1, 150),
    jitterMs: random.int(0, 300),
    duplicates: random.between(0, 0.3),
    bytesPerMs: random.pick([0.1, 1, 10_000]),
  });
}
