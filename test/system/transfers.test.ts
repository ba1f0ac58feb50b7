import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { httpCall, type HttpAnswer } from '../support/http-call.ts';
import { Pair } from '../support/pair.ts';
import { untilShown } from '../support/seen.ts';
import { useStage } from '../support/stage.ts';
import { freshBytes, sha256 } from '../support/test-app.ts';
import { envelopeHeaders } from '../../src/wire/snapshot-headers.ts';

async function heldBytes(gateway: GatewayProcess, origin: string): Promise<Buffer> {
  const answer = await gateway.api(`/v1/peers/dc1/snapshots/${origin}`);
  expect(answer.status).to.equal(200);
  return answer.body;
}

describe('the line breaks in the middle of a transfer', () => {
  const stage = useStage();
  const SIZE = 1 << 20;

  it('at any byte, with a reset: the version before stays whole, and the new one arrives by itself', async () => {
    const { dc1, dc2, toDc2 } = await Pair.running(stage, {
      isRelayed: true,
      keys: { consecutiveHeartbeatMissesAllowed: 50 },
    });
    await dc1.putReplicated('orders', freshBytes(SIZE));
    for (const offset of [0, 1, 400, 5000, SIZE / 2, SIZE, SIZE + 500]) {
      const bytes = freshBytes(SIZE);
      toDc2.cutAfterBytes(offset, 'reset');
      const { version } = await dc1.putAccepted('orders', bytes);
      await dc1.events.until('snapshot-replicated', (event) => event.version === version);
      expect((await heldBytes(dc2, 'orders')).equals(bytes), `broken after ${offset} bytes`).to.equal(true);
    }
    for (const row of await dc2.history('dc1')) {
      const answer = await dc2.api(row.href);
      expect(sha256(answer.body)).to.equal(row.sha256);
    }
    expect(await dc1.metric('crossdc_snapshot_transfer_failures_total')).to.be.above(0);
    await untilShown('no half-written file', async () => {
      const left = readdirSync(join(dc2.stateFolder, 'held/.tmp'));
      return Promise.resolve(left.length === 0 ? true : undefined);
    });
  });

  it('at each place of a request and of its answer: whoever reads has the old version or the new one, whole', async () => {
    // One heartbeat of the sender, and then nothing on its line but what is tried here.
    const dc1Keys = { heartbeatExchangeInterval: 60, httpReadTimeout: 5 };
    const pair = await Pair.create(stage, { isRelayed: true, dc1: dc1Keys });
    const { dc1, dc2, toDc2 } = pair;
    // The receiver first: the sender's one heartbeat must be answered before it sends anything.
    await dc2.start();
    await dc1.start();
    await pair.untilBothUp();
    let old = freshBytes(SIZE);
    await dc1.putReplicated('orders', old);
    const before = toDc2.stats;
    old = freshBytes(SIZE);
    await dc1.putReplicated('orders', old);
    const request = toDc2.stats.forwardBytes - before.forwardBytes;
    const answer = toDc2.stats.backwardBytes - before.backwardBytes;
    const head = request - SIZE;
    expect(head).to.be.within(200, 4000);
    expect(answer).to.be.within(50, 4000);
    const places: [number, 'forward' | 'backward'][] = [
      ...[0, 1, 30, head >> 1, head - 1, head, head + 1, head + (SIZE >> 1), request - 1].map(
        (bytes): [number, 'forward'] => [bytes, 'forward'],
      ),
      ...[0, 1, 30, answer >> 1, answer - 1].map((bytes): [number, 'backward'] => [bytes, 'backward']),
    ];
    for (const [bytes, direction] of places) {
      const broken = `${direction} after ${bytes} bytes`;
      const failed = await failures(dc1);
      const fresh = freshBytes(SIZE);
      toDc2.cutAfterBytes(bytes, 'reset', direction);
      const { version } = await dc1.putAccepted('orders', fresh);
      await untilShown(`the new version, broken ${broken}`, async () => {
        const read = await heldBytes(dc2, 'orders');
        if (!read.equals(fresh)) expect(read.equals(old), `what is read while broken ${broken}`).to.equal(true);
        return read.equals(fresh) ? true : undefined;
      });
      await dc1.events.until('snapshot-replicated', (event) => event.version === version);
      expect(await failures(dc1), `failures, broken ${broken}`).to.equal(failed + 1);
      old = fresh;
    }
    const versions = (await dc2.history('dc1')).map((row) => row.version);
    expect(new Set(versions).size).to.equal(versions.length);
    expect(dc2.events.types(0, 'snapshot-damaged', 'store-error', 'peer-down')).to.deep.equal([]);
  });

  for (const offset of [200_000, SIZE - 1]) {
    it(`after ${offset} bytes, in silence: the version before is offered meanwhile, the new one after the heal`, async () => {
      const { dc1, dc2, toDc2 } = await Pair.running(stage, { isRelayed: true, keys: { httpReadTimeout: 1 } });
      const old = freshBytes(SIZE);
      const fresh = freshBytes(SIZE);
      await dc1.putReplicated('orders', old);
      toDc2.cutAfterBytes(offset, 'silent');
      const { version } = await dc1.putAccepted('orders', fresh);
      await untilShown('a failed transfer', async () => ((await failures(dc1)) > 0 ? true : undefined));
      expect((await heldBytes(dc2, 'orders')).equals(old)).to.equal(true);
      toDc2.heal('lost');
      await dc1.events.until('snapshot-replicated', (event) => event.version === version);
      expect((await heldBytes(dc2, 'orders')).equals(fresh)).to.equal(true);
      expect(await dc2.history('dc1')).to.have.length(2);
    });
  }
});

async function failures(gateway: GatewayProcess): Promise<number> {
  return gateway.metric('crossdc_snapshot_transfer_failures_total').catch(() => 0);
}

describe('a transfer fails many times, and then works', () => {
  const stage = useStage();

  it('it is tried again with growing pauses, the newest version arrives, those between are superseded and counted', async () => {
    const { dc1, dc2, toDc2 } = await Pair.running(stage, { isRelayed: true });
    await dc1.putReplicated('orders', 'version 0');
    toDc2.refuse();
    expect((await dc1.put('orders', 'version 1')).status).to.equal(202);
    const begunAt = performance.now();
    await untilShown('the fourth failure', async () => ((await failures(dc1)) >= 4 ? true : undefined));
    // At once, then after at least 250, 500 and 1000 ms.
    expect(performance.now() - begunAt).to.be.at.least(1700);

    for (let n = 2; n <= 11; n += 1) await dc1.put('orders', `version ${n}`);
    expect((await dc1.peer('dc2')).replication).to.include({ pending: 1 });
    toDc2.heal();
    await untilShown('the newest at the peer', async () =>
      (await dc1.peer('dc2')).replication.pending === 0 ? true : undefined,
    );
    expect((await heldBytes(dc2, 'orders')).toString()).to.equal('version 11');
    const replicated = dc1.events.of('snapshot-replicated').length;
    expect(await dc2.history('dc1')).to.have.length(replicated);
    expect(replicated).to.be.below(5);
    expect(await dc1.metric('crossdc_snapshots_superseded_total')).to.equal(12 - replicated);
  });
});

describe('versions arrive out of order', () => {
  const stage = useStage();

  /** Sends a snapshot to the peer listener as dc1 would. */
  function send(to: GatewayProcess, version: number, body: string): Promise<HttpAnswer> {
    const headers = envelopeHeaders({
      heartbeatMsgType: 2,
      heartbeatCnt: 1,
      dataCenterOrigin: 'dc1',
      applicationName: 'default',
      incarnation: 1,
      workload: 'dc1',
      origin: 'orders',
      description: {
        version,
        bytes: body.length,
        sha256: sha256(body),
        takenAt: '2026-01-01T00:00:00.000Z',
        position: null,
        labels: {},
        withdrawn: body.length === 0,
      },
      batch: null,
    });
    return httpCall(`${to.peerUrl}/peer/v1/snapshots/orders`, { method: 'PUT', headers, body });
  }

  it('an older one after a newer one is refused with the number that is there, and counted', async () => {
    const dc2 = await stage.gateway('dc2', {
      remoteDataCenterApplicationMachineNames: '127.0.0.1:1',
      remoteDataCenterName: 'dc1',
    });
    await dc2.start();
    expect((await send(dc2, 20, 'newer')).status).to.equal(200);
    const older = await send(dc2, 19, 'older');
    expect(older.status).to.equal(409);
    expect(older.json()).to.include({ type: 'urn:crossdc:problem:version-older', has: 20 });
    expect((await send(dc2, 20, 'newer')).status).to.equal(200);
    const conflict = await send(dc2, 20, 'other');
    expect(conflict.status).to.equal(409);
    expect(conflict.json()).to.include({ type: 'urn:crossdc:problem:version-conflict', has: 20 });
    expect((await heldBytes(dc2, 'orders')).toString()).to.equal('newer');
    const refused = 'crossdc_peer_requests_rejected_total';
    expect(await dc2.metric(refused, { reason: 'version-older' })).to.equal(1);
    expect(await dc2.metric(refused, { reason: 'version-conflict' })).to.equal(1);
    await dc2.kill9();
    await dc2.start();
    expect((await send(dc2, 19, 'older')).status).to.equal(409);
  });

  it('a withdrawal after a newer one that is still on its way wins, also after a restart of both', async () => {
    const { dc1, dc2, toDc2 } = await Pair.running(stage, { isRelayed: true });
    await dc1.putReplicated('orders', 'first');
    toDc2.delay(100, 50);
    expect((await dc1.put('orders', freshBytes(1 << 20))).status).to.equal(202);
    expect((await dc1.put('orders', '', '?wait=replicated')).status).to.equal(200);
    const look = async (): Promise<void> => {
      expect((await dc2.held('dc1')).map(({ state }) => state)).to.deep.equal(['withdrawn']);
      expect((await dc2.api('/v1/peers/dc1/snapshots/orders')).status).to.equal(404);
      expect((await dc1.api('/v1/snapshots/orders')).status).to.equal(404);
      const byHand = { method: 'POST', json: { dataCenter: 'dc1' } };
      expect((await dc2.api('/v1/deliveries', byHand)).status).to.equal(404);
      const states = new Set((await dc2.history('dc1')).map(({ state }) => state));
      expect([...states]).to.have.members(['withdrawn', 'set-aside']);
    };
    await look();
    await dc2.kill9();
    await dc1.kill9();
    await Promise.all([dc1.start(), dc2.start()]);
    await dc1.untilPeer('dc2', 'up and in step', (peer) => peer.state === 'up' && peer.replication.pending === 0);
    await look();
    await dc1.kill9();
    await dc2.events.until('peer-down');
    await dc2.events.noneFor(500, ['delivery'], 0);
  });

  it('a newer one after a withdrawal that is still on its way wins', async () => {
    const { dc1, dc2, toDc2 } = await Pair.running(stage, { isRelayed: true });
    await dc1.putReplicated('orders', 'first');
    toDc2.delay(100, 50);
    expect((await dc1.put('orders', '')).status).to.equal(202);
    await dc1.putReplicated('orders', 'second');
    expect((await heldBytes(dc2, 'orders')).toString()).to.equal('second');
    await dc2.kill9();
    await dc2.start();
    expect((await heldBytes(dc2, 'orders')).toString()).to.equal('second');
  });
});
