import { expect } from 'chai';
import type { Paint } from '../../../src/cli/paint.ts';
import { renderStatus } from '../../../src/cli/status-text.ts';
import { createDelivery, type Delivery } from '../../../src/core/delivery.ts';
import type { StatusView } from '../../../src/ports/gateway-api.ts';
import { fakeSnapshot } from '../../support/fake-gateway-api.ts';
import { fakeForeignRow } from '../../support/fake-ownership.ts';
import { NOW, peerView, statusView } from './status-view.ts';

const plain: Paint = (text) => text;
const render = (status: StatusView, paint = plain, open: readonly Delivery[] = []): string =>
  renderStatus({ status, open }, NOW, paint).join('\n');

describe('the status for people', () => {
  it('says who this is, then a line for each peer', () => {
    expect(render(statusView())).to.equal(`\
data centre       dc1
application       orders, passing
mode              active
version           0.1.0
started           2026-01-02T02:00:00.000Z, 1h5m ago
incarnation       1767000000000
store             file, ok
scrub             off
outgoing          2 origins, 2.0 KiB, newest 10s ago, 1 pending
open deliveries   0
failover command  none

workload  owner  attached  application  since  epoch  behind
dc1       dc1    yes       passing      5m0s   1      none
dc2       dc2    yes       passing      1h5m   1      -

PEER  STATE  SINCE  LAST-HEARTBEAT  HEARS-US  PENDING  HELD                IN-SYNC  BLOCKED-BY
dc2   up      5m0s        0.5s ago  yes             0  3 origins, 4.0 KiB  yes      -`);
  });

  it('says why a peer is down, what holds us back, and the last error of each machine that does not answer', () => {
    const peer = peerView({
      state: 'down',
      reason: 'refused',
      hearsUs: false,
      blockedBy: 'refused',
      lastHeartbeatAt: null,
      machines: [
        { address: 'a:1', ok: true, lastError: 'long ago' },
        { address: 'b:2', ok: false, lastError: '401 \u001b[2Jwrong name' },
      ],
    });
    const text = render(statusView({ peers: [peer] }));
    expect(text).to.match(/^dc2 +down \(refused\) +5m0s +never +no +0 .* refused$/m);
    expect(text).to.contain('dc2 b:2: 401 \\u{1b}[2Jwrong name');
    expect(text).not.to.contain('long ago');
  });

  it('says under the table of owners what somebody should do', () => {
    const text = render(statusView({ ownership: [fakeForeignRow({ blockedBy: 'manual' })] }));
    expect(text).to.match(/^dc2: nothing follows, blocked by manual: .*crossdc failover dc2 --to dc1 takes it$/m);
  });

  it('says that the work of an owner that has left is done by nobody', () => {
    const text = render(statusView({ peers: [peerView({ state: 'left' })] }));
    expect(text).to.match(/^dc2: nobody does it: dc2 has left; crossdc failover dc2 --to dc1 takes it here$/m);
  });

  describe('names the deliveries that wait for the application', () => {
    const delivery = (id: string, ...origins: string[]): Delivery =>
      createDelivery({
        id,
        reason: 'manual',
        dataCenter: 'dc2',
        createdAt: '2026-01-02T03:00:00.000Z',
        snapshots: origins.map((origin) => fakeSnapshot(origin, 'x').stored),
      });
    const lines = (open: readonly Delivery[], status = statusView()): string[] =>
      render(status, plain, open)
        .split('\n')
        .filter((line) => /^(delivery|and) /.test(line));

    it('with the calls that end each', () => {
      const [first, ...others] = delivery('42', 'done', 'a/b', 'c').snapshots;
      const half = {
        ...delivery('42'),
        reason: 'return' as const,
        snapshots: [{ ...first!, state: 'acknowledged' as const }, ...others],
      };
      expect(lines([delivery('41', 'orders'), half])).to.deep.equal([
        'delivery 41 (manual, workload dc2) has waited 5m0s for the application, 1 snapshot pending: ' +
          'POST /v1/deliveries/41/snapshots/orders/ack, or …/reject for what it cannot use',
        'delivery 42 (return, workload dc2) has waited 5m0s for the application, 2 snapshots pending: ' +
          'POST /v1/deliveries/42/snapshots/a%2Fb/ack, or …/reject for what it cannot use, and so for each',
      ]);
    });

    it('with the part of the answer before the query', () => {
      const two = delivery('41', 'orders');
      const href = '/v1/deliveries/41/snapshots/orders?workload=dc3';
      const [line] = lines([{ ...two, snapshots: [{ ...two.snapshots[0]!, href }] }]);
      expect(line).to.contain('POST /v1/deliveries/41/snapshots/orders/ack?workload=dc3, or');
    });

    it('a few of many', () => {
      const many = ['1', '2', '3', '4', '5'].map((id) => delivery(id, 'orders'));
      expect(lines(many)).to.have.length(4);
      expect(lines(many).at(-1)).to.equal('and 2 more: GET /v1/deliveries?state=open');
    });

    it('but not that of a takeover, which has a line of its own, nor one that is settled', () => {
      const takeover = {
        id: 't',
        workload: 'dc2',
        from: 'dc2',
        epoch: 2,
        phase: 'delivering',
        actor: 'automatic',
        forced: false,
        startedAt: '2026-01-02T03:00:00.000Z',
        steps: [],
        delivery: '41',
        inputs: {},
        acknowledged: false,
        blockedBy: null,
      } as const;
      const status = statusView({ ownership: [fakeForeignRow({ takeover })] });
      expect(lines([delivery('41', 'orders'), delivery('42')], status)).to.deep.equal([]);
    });
  });

  it('says when two gateways run under one name', () => {
    expect(render(statusView({ peers: [peerView({ incarnations: 2 })] }))).to.contain(
      'dc2: 2 gateways run under this name',
    );
  });

  it('says that the gateway is on its way out, was paused, and that the command gave up', () => {
    const text = render(
      statusView({
        shuttingDown: true,
        ownPauses: { count: 2, longestSeconds: 3.25, lastAt: '2026-01-02T03:04:00.000Z' },
        failoverCommand: { state: 'gave-up' },
        store: { kind: 'file', ok: false },
      }),
    );
    expect(text).to.contain('dc1 (shutting down)');
    expect(text).to.match(/^own pauses +2, longest 3.3 s, last 60s ago$/m);
    expect(text).to.match(/^failover command +gave up$/m);
    expect(text).to.match(/^store +file, failing$/m);
  });

  it('says how far the verification of what is stored is, and what it found', () => {
    const scrub = { startedAt: '2026-01-02T03:04:00.000Z', verified: 12, bytes: 4096, damaged: 0, completedAt: null };
    const line = (more: Partial<StatusView['scrub']>): string =>
      /^scrub +(.*)$/m.exec(render(statusView({ scrub: { ...scrub, state: 'idle', ...more } })))?.[1] ?? '';
    expect(line({})).to.equal('not completed yet');
    expect(line({ completedAt: '2026-01-02T03:03:00.000Z', verified: 1, damaged: 2 })).to.equal(
      'completed 2m0s ago, 1 version, 4.0 KiB, 2 damaged',
    );
    expect(line({ state: 'running' })).to.equal('running, began 60s ago, 12 versions, 4.0 KiB');
    expect(line({ state: 'waiting' })).to.equal('waiting for a store, began 60s ago, 12 versions, 4.0 KiB');
    expect(line({ state: 'off' })).to.equal('off');
  });

  it('keeps its columns when it is painted', () => {
    const paint: Paint = (text) => `\u001b[31m${text}\u001b[0m`;
    // eslint-disable-next-line no-control-regex -- the colors are taken away again
    const bare = render(statusView(), paint).replace(/\u001b\[[0-9;]*m/g, '');
    expect(bare).to.equal(render(statusView()));
  });
});
