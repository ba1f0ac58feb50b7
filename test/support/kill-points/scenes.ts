import type { GatewayProcess, Keys } from '../gateway-process.ts';
import { FAST, Pair } from '../pair.ts';
import { freePorts } from '../ports.ts';
import { useStage, type Stage } from '../stage.ts';
import { TestApp } from '../test-app.ts';
import { killAtEveryPoint, type Lane, type Story } from './enumerate.ts';
import { FakePeer } from './fake-peer.ts';
import { KillPoints } from './kill-points.ts';
import { senderStory, type SenderOptions } from './sender.ts';

/** Gateways that are killed at the same time, each on its own. Raised: faster, until the cores are busy; lowered: calmer. */
const LANES = 2;
/** Of a story that mostly waits until a death is noticed, more go beside each other in the same time. */
export const WAITING_LANES = 3;
/** A story takes some ten seconds; a machine that has a lot else to do may take longer. */
const STORY_MS = 240_000;
const INTERVAL_MS = 100;
const KEYS: Keys = {
  ...FAST,
  heartbeatExchangeInterval: INTERVAL_MS / 1000,
  dataSnapshotHistory: 0,
  // One death follows the other, each with a takeover.
  takeoverBlockPeriod: 0,
};
/** Nobody is declared dead for the time of a restart. */
export const PATIENT: Keys = { ...KEYS, heartbeatExchangeInterval: 0.5, consecutiveHeartbeatMissesAllowed: 1000 };
export const MORTAL: Keys = { ...KEYS, consecutiveHeartbeatMissesAllowed: 6 };
/** More than is kept in memory: it goes through a temp file, or several INSERTs. */
export const LARGE = 2_600_000;

type MakeLane = () => Promise<Lane<unknown>>;
type With<T> = (victim: GatewayProcess, peer: FakePeer) => T;

/** The steps, each with the moments before it and after it. */
export function around(...steps: readonly string[]): string[] {
  return steps.flatMap((step) => [`before ${step}`, `after ${step}`]);
}

/** How a row is written and a version begins to exist (`SnapshotFiles.commit`). */
export function commitOf(store: string, row = 'row'): string[] {
  return around(
    `write ${store} ${row} temp`,
    `sync ${store} ${row} temp`,
    `rename ${store} ${row}`,
    `sync ${store} origin folder`,
  );
}

export function bytesOf(store: string): string[] {
  return around(`write ${store} bytes temp`, `sync ${store} bytes temp`, `rename ${store} bytes`);
}

/** How a record is written (`FileRecords`). */
export function ledgerOf(what: string): string[] {
  return around(
    `write records/${what} temp`,
    `sync records/${what} temp`,
    `rename records/${what}`,
    `sync records/${what} folder`,
  );
}

/** A takeover from its beginning to its last word, beside the delivery. */
export const TAKEN_OVER = [
  ...ledgerOf('takeovers (due, started)'),
  ...ledgerOf('ownership (at home, reserved)'),
  ...ledgerOf('takeovers (delivering, checked)'),
  ...ledgerOf('takeovers (delivering, delivered)'),
  ...ledgerOf('takeovers (changing, acknowledged)'),
  ...ledgerOf('ownership (taken over)'),
  ...ledgerOf('takeovers (changing, owner-changed)'),
  ...ledgerOf('takeovers (completed, completed)'),
  ...['takeover-started', 'takeover-checked', 'owner-changed', 'takeover-completed'].flatMap((type) =>
    around(`write events (${type})`, `sync events (${type})`),
  ),
  ...around('write history (takeover)', 'sync history (takeover)'),
];

/** A delivery of two snapshots, from its record to the word that it is done. */
export const DELIVERED = [
  ...ledgerOf('deliveries (open, 0 of 2)'),
  ...ledgerOf('deliveries (open, 1 of 2)'),
  ...ledgerOf('deliveries (done, 2 of 2)'),
  ...ledgerOf('deliveries (done, 2 of 2, ended)'),
  ...around('write events (delivery)', 'sync events (delivery)'),
  ...around('write events (delivery-done)', 'sync events (delivery-done)'),
  ...around('answer 204 to an acknowledgement', 'answer 204 to an acknowledgement (2)'),
];

/** The gateways of the suite that calls this, and its report. */
export function useKillStage(title: string): {
  stage: Stage;
  killAt: (make: MakeLane, lanes?: number) => Promise<void>;
} {
  const stage = useStage();
  const all = { points: 0, passed: 0, kills: 0 };
  beforeEach(function () {
    this.currentTest?.timeout(STORY_MS);
  });
  after(() => console.log(`      kill points: ${all.passed} of ${all.points} passed, ${all.kills} kills, ${title}`));
  const killAt = async (make: MakeLane, count = LANES): Promise<void> => {
    const lanes = await Promise.all(Array.from({ length: count }, make));
    const { points, passed, kills } = await killAtEveryPoint(lanes);
    all.points += points;
    all.passed += passed;
    all.kills += kills;
    console.log(`      kill points: ${passed} of ${points} passed, ${lanes[0]!.story.title}`);
  };
  return { stage, killAt };
}

/** A victim beside another gateway, to which it sends. */
export function sending(stage: Stage, options: SenderOptions): MakeLane {
  return async () => {
    const pair = await Pair.create(stage, { keys: PATIENT });
    const points = new KillPoints(pair.dc1);
    await Promise.all([pair.dc1.start(), pair.dc2.start()]);
    await pair.untilBothUp();
    // The folders above those of origins are there from now on.
    if (options.isFirstOfAll !== true) await pair.dc1.putReplicated('first', 'first');
    return { gateway: pair.dc1, points, story: senderStory(pair.dc1, pair.dc2, options) };
  };
}

/** A victim whose peer is the test itself. `first` makes what only a first time makes, so that every story is alike. */
export function beside(
  stage: Stage,
  parts: {
    readonly keys: () => Promise<Keys>;
    readonly first: With<Promise<void>>;
    readonly story: With<Story<unknown>>;
  },
): MakeLane {
  return async () => {
    const [port] = (await freePorts(1)) as [number];
    const machines = { remoteDataCenterApplicationMachineNames: `127.0.0.1:${port}` };
    const keys = { ...(await parts.keys()), ...machines, remoteDataCenterName: 'dc1' };
    const gateway = await stage.gateway('dc2', keys);
    const peer = new FakePeer('dc1', port, { gateway, intervalMs: INTERVAL_MS });
    stage.after(() => peer.die());
    const points = new KillPoints(gateway);
    await gateway.start();
    await peer.live();
    // The first event of all begins the log.
    await gateway.events.until('peer-up');
    await parts.first(gateway, peer);
    return { gateway, points, story: parts.story(gateway, peer) };
  };
}

export async function holdFirst(_: GatewayProcess, peer: FakePeer): Promise<void> {
  await peer.send({ origin: 'first', version: 1, bytes: Buffer.from('first') });
}

export async function takeFirstOver(gateway: GatewayProcess, peer: FakePeer): Promise<void> {
  await holdFirst(gateway, peer);
  await peer.die();
  await absorbFirst(gateway);
  await gateway.events.until('takeover-completed');
}

export async function takeFirstBack(gateway: GatewayProcess, peer: FakePeer): Promise<void> {
  const batch = { id: 'first', total: 1 };
  await peer.send({ origin: 'first', version: 1, bytes: Buffer.from('first'), batch });
  await absorbFirst(gateway);
}

async function absorbFirst(gateway: GatewayProcess): Promise<void> {
  const { data } = await gateway.events.until('delivery');
  await new TestApp(gateway).absorb(data.delivery);
  await gateway.events.until('delivery-done');
}
