import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { FAST, Pair } from '../support/pair.ts';
import { untilShown } from '../support/seen.ts';
import { useStage } from '../support/stage.ts';
import { freshBytes } from '../support/test-app.ts';

const ALONE = { ...FAST, remoteDataCenterApplicationMachineNames: '127.0.0.1:9' };

describe('a key of the configuration has its effect in the running gateway', () => {
  const stage = useStage();

  it('dataSnapshotMaxBytes: more is refused with 413 to the application, and to a peer that may send more', async () => {
    const { dc1, dc2 } = await Pair.running(stage, {
      dc1: { dataSnapshotMaxBytes: 3000 },
      dc2: { dataSnapshotMaxBytes: 1000 },
    });
    expect((await dc1.put('large', freshBytes(3001))).status).to.equal(413);
    expect((await dc1.put('large', freshBytes(2000))).status).to.equal(202);
    await untilShown('the refusal', async () => {
      const failures = await dc1.metric('crossdc_snapshot_transfer_failures_total', { reason: 'too-large' });
      return failures > 0 ? true : undefined;
    });
    expect(await dc2.metric('crossdc_peer_requests_rejected_total', { reason: 'snapshot-too-large' })).to.be.above(0);
    await dc1.putReplicated('small', freshBytes(1000));
    expect((await dc2.held('dc1')).map(({ origin }) => origin)).to.deep.equal(['small']);
    expect((await dc1.peer('dc2')).state).to.equal('up');
  });

  it('appHealthUrl: the application is polled, and what it answers travels to the peer', async () => {
    let status = 200;
    const application = createServer((_request, response) => response.writeHead(status).end());
    application.listen(0, '127.0.0.1');
    stage.after(() => {
      application.close();
      application.closeAllConnections();
    });
    await once(application, 'listening');
    const { port } = application.address() as AddressInfo;
    const { dc2 } = await Pair.running(stage, {
      dc1: { appHealthUrl: `http://127.0.0.1:${port}/health`, appHealthInterval: 0.1 },
    });
    await dc2.untilPeer('dc1', 'passing', (peer) => peer.application.status === 'passing');
    status = 500;
    const down = await dc2.events.until('peer-down');
    expect(down.data).to.include({ dataCenter: 'dc1', reason: 'application-critical' });
    status = 200;
    await dc2.untilPeer('dc1', 'up', (peer) => peer.state === 'up');
  });

  it('appHealthTtl: an application that does not report is critical', async () => {
    const { dc1, dc2 } = await Pair.running(stage, { dc1: { appHealthTtl: 0.3 } });
    await dc2.events.until('peer-down', (event) => event.reason === 'application-critical');
    expect((await dc1.status()).application.status).to.equal('critical');
  });

  it('dataSnapshotExchangeInterval and dataSnapshotSchedule: the application is asked by the one or by the other', async () => {
    const byInterval = await stage.gateway('dc1', { ...ALONE, dataSnapshotExchangeInterval: 0.2 });
    const bySchedule = await stage.gateway('dc1', { ...ALONE, dataSnapshotSchedule: '* * * * * *' });
    for (const [gateway, reason] of [
      [byInterval, 'interval'],
      [bySchedule, 'schedule'],
    ] as const) {
      await gateway.start();
      await gateway.events.until('snapshot-request');
      expect(gateway.events.of('snapshot-request').map(({ data }) => data.reason)).to.include(reason);
      expect(new Set(gateway.events.of('snapshot-request').map(({ data }) => data.reason)).size).to.equal(1);
    }
  });

  it('snapshotRequestTimeout: what was asked for and not posted by then is overdue', async () => {
    const gateway = await stage.gateway('dc1', { ...ALONE, snapshotRequestTimeout: 0.2 });
    await gateway.start();
    const asked = await gateway.api('/v1/snapshot-requests', { method: 'POST', json: { origins: ['orders'] } });
    const overdue = await gateway.events.until('snapshot-overdue');
    expect(overdue.data).to.deep.include({ ...(asked.json() as object), origins: ['orders'] });
  });

  it('logFormat and logLevel: what is logged is for people, and only what matters', async () => {
    const gateway = await stage.gateway('dc1', { ...ALONE, logFormat: 'pretty', logLevel: 'warn' });
    gateway.spawn();
    await untilShown('a line for people', () =>
      Promise.resolve(gateway.plainLines.some((line) => line.includes('cannot be reached')) || undefined),
    );
    expect(gateway.log.all).to.deep.equal([]);
    expect(gateway.plainLines.filter((line) => line.includes('the gateway runs'))).to.deep.equal([]);
  });
});
