import { expect } from 'chai';
import type { GatewayProcess } from './gateway-process.ts';
import type { Pair } from './pair.ts';
import { untilShown } from './seen.ts';
import { freshBytes } from './test-app.ts';

/** So slow that not even a busy machine misses one. */
export const CALM = { heartbeatExchangeInterval: 0.5 };
/** More than goes into a small file, less than a small disk has. */
export const SIZE = 300_000;

/** What a store has, seen from outside while it fails and after it. */
interface Failing {
  readonly gateway: GatewayProcess;
  readonly store: 'outgoing' | 'held';
}

/** Nobody missed a heartbeat, and the store's failure and its recovery were said once each. */
export async function saidOnce(pair: Pair, { gateway, store }: Failing): Promise<void> {
  await gateway.events.until('store-recovered', (event) => event.store === store);
  await untilShown('readiness', async () => ((await gateway.api('/readyz')).status === 200 ? true : undefined));
  for (const type of ['store-error', 'store-recovered'] as const) {
    const said = gateway.events.of(type).filter((seen) => seen.data.store === store);
    expect(said, `${type} of ${store}`).to.have.length(1);
  }
  await nothingMissed(pair);
}

export async function nothingMissed({ dc1, dc2 }: Pair): Promise<void> {
  expect(await dc1.metric('crossdc_heartbeat_misses_total', { peer: 'dc2' })).to.equal(0);
  expect(await dc2.metric('crossdc_heartbeat_misses_total', { peer: 'dc1' })).to.equal(0);
}

/** Posts what cannot be taken now. @returns the answer */
export async function refusedPut(gateway: GatewayProcess): Promise<{ status: number; type: string; detail: string }> {
  const answer = await gateway.put('orders', freshBytes(SIZE));
  const { type, detail } = answer.json() as { type: string; detail: string };
  return { status: answer.status, type, detail };
}

export interface Break {
  readonly make: () => Promise<void> | void;
  readonly mend: () => Promise<void> | void;
}

/** The sender's store fails: the application is told, nothing is lost, and it goes on by itself. */
export async function senderStory(
  pair: Pair,
  disk: Break,
  expected: { status: number; code: string; said: string },
): Promise<void> {
  const { dc1, dc2 } = pair;
  const old = freshBytes(100_000);
  await dc1.putReplicated('orders', old);
  await disk.make();
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const refused = await refusedPut(dc1);
    expect(refused).to.include({ status: expected.status, type: `urn:crossdc:problem:${expected.code}` });
    expect(refused.detail).to.contain(expected.said);
  }
  await dc1.events.until('store-error', (event) => event.store === 'outgoing');
  const { status, checks } = await dc1.readiness();
  expect([status, checks.store!.ok]).to.deep.equal([503, false]);
  expect((await dc1.api('/healthz')).status).to.equal(200);
  expect((await dc2.api('/v1/peers/dc1/snapshots/orders')).body.equals(old)).to.equal(true);
  await nothingMissed(pair);

  await disk.mend();
  await saidOnce(pair, { gateway: dc1, store: 'outgoing' });
  expect((await dc1.api('/v1/snapshots/orders')).body.equals(old)).to.equal(true);
  const fresh = freshBytes(SIZE);
  await dc1.putReplicated('orders', fresh);
  expect((await dc2.api('/v1/peers/dc1/snapshots/orders')).body.equals(fresh)).to.equal(true);
}

/** The receiver's store fails: the sender keeps what it has and knows why, and it arrives by itself. */
export async function receiverStory(
  pair: Pair,
  disk: Break,
  reason: 'store-full' | 'store-unavailable',
): Promise<void> {
  const { dc1, dc2 } = pair;
  const old = freshBytes(100_000);
  const fresh = freshBytes(SIZE);
  await dc1.putReplicated('orders', old);
  await disk.make();
  const { version } = await dc1.putAccepted('orders', fresh);
  const failed = await dc1.untilLogged('a snapshot could not be sent; it is tried again');
  expect(failed.reason).to.equal(reason);
  await dc2.events.until('store-error', (event) => event.store === 'held');
  await untilShown('a second attempt', async () =>
    (await dc1.metric('crossdc_snapshot_transfer_failures_total', { reason })) >= 2 ? true : undefined,
  );
  expect((await dc2.held('dc1')).map((row) => row.version < version)).to.deep.equal([true]);
  expect((await dc2.api('/readyz')).status).to.equal(503);
  await nothingMissed(pair);

  await disk.mend();
  await dc1.events.until('snapshot-replicated', (event) => event.version === version);
  await saidOnce(pair, { gateway: dc2, store: 'held' });
  expect((await dc2.api('/v1/peers/dc1/snapshots/orders')).body.equals(fresh)).to.equal(true);
  expect((await dc2.history('dc1')).map(({ state }) => state)).to.deep.equal(['held', 'held']);
  expect(dc2.events.of('snapshot-damaged')).to.have.length(0);
}
