import { expect } from 'chai';
import type { HistoryEntry } from '../../../src/ports/ownership-api.ts';
import type { PeerView } from '../../../src/ports/gateway-api.ts';
import { ApplicationHealth } from '../../../src/services/application-health.ts';
import { DecisionFacts } from '../../../src/services/decision-facts.ts';
import { HealthMonitor } from '../../../src/services/health-monitor.ts';
import { History, type Decision } from '../../../src/services/history.ts';
import { HANG_MS } from '../../../src/services/patience.ts';
import { VerdictHistory } from '../../../src/services/verdict-history.ts';
import { fakePeer } from '../../support/fake-gateway-api.ts';
import { MemoryHistory } from '../../support/memory-history.ts';
import { settled } from '../adapters/local-api/manual-clock.ts';
import { gate, Stage } from './stage.ts';

const decision: Decision = {
  kind: 'acknowledged',
  workload: 'dc1',
  dataCenter: null,
  actor: 'operator',
  outcome: 'acknowledged',
  inputs: {},
  steps: [],
};

const historyOf = (stage: Stage): History =>
  new History(stage.context, new MemoryHistory({ disk: stage.disk }), stage.watch);

describe('the history of decisions', () => {
  it('gives each decision the time of its call and a number that is never used again, also after a restart', async () => {
    const stage = await new Stage().load();
    const history = historyOf(stage);
    const recorded = await Promise.all([history.record(decision), history.record({ ...decision, workload: 'dc2' })]);
    expect(recorded.map(({ workload }) => workload)).to.deep.equal(['dc1', 'dc2']);
    expect(recorded[0].id).to.equal(stage.clock.wallMs());
    expect(recorded[1].id).to.equal(recorded[0].id + 1);
    expect(recorded[0].at).to.equal('2026-01-02T00:00:00.000Z');
    expect(stage.disk.history).to.deep.equal(recorded);
    const next = await historyOf(stage).record(decision);
    expect(next.id).to.equal(recorded[1].id + 1);
    expect(await historyOf(stage).read(recorded[0].id, 1)).to.deep.equal([recorded[1]]);
  });

  it('is held up by no full disk, says that it is full, and loses nothing when there is room again', async () => {
    const stage = await new Stage().load();
    const history = historyOf(stage);
    stage.disk.failAll('store-full');
    const first = await history.record(decision);
    expect(stage.watch.isFailing('history')).to.equal(true);
    expect(await history.read(0, 10)).to.deep.equal([first]);
    stage.disk.failAll(null);
    const second = await history.record(decision);
    expect(stage.disk.history).to.deep.equal([first, second]);
    expect(stage.watch.isFailing('history')).to.equal(false);
  });

  it('waits for a disk that hangs no longer than for any', async () => {
    const stage = await new Stage().load();
    const history = historyOf(stage);
    const { passed, open } = gate();
    stage.disk.latency = () => passed;
    let isDone = false;
    const recorded = history.record(decision).then(() => (isDone = true));
    await stage.clock.advance(HANG_MS - 1);
    expect(isDone).to.equal(false);
    await stage.clock.advance(1);
    await recorded;
    expect(stage.watch.isFailing('history')).to.equal(true);
    open();
    await settled();
    expect(stage.disk.history).to.have.length(1);
    expect(stage.watch.isFailing('history')).to.equal(false);
  });
});

describe('the history of verdicts', () => {
  interface Scene {
    readonly stage: Stage;
    readonly monitor: HealthMonitor;
    readonly entries: () => readonly HistoryEntry[];
    view: () => PeerView;
  }

  async function scene(): Promise<Scene> {
    const stage = await new Stage().load();
    const { context, peers, peerRecords: records, hub: events } = stage;
    const monitor = new HealthMonitor(context, { peers, records, events });
    const health = new ApplicationHealth(context, null);
    health.tell('passing', '');
    const held = { origins: 2, bytes: 10, newestTakenAt: '2026-01-01T00:00:00.000Z' };
    const made: Scene = {
      stage,
      monitor,
      entries: () => stage.disk.history,
      view: () => fakePeer({ held, missed: 4 }),
    };
    const facts = new DecisionFacts(context, { monitor, health });
    new VerdictHistory(context, { history: historyOf(stage), monitor, facts, view: () => made.view() });
    return made;
  }

  const beat = (heartbeatCnt: number, incarnation = 1) =>
    ({
      kind: 'heartbeat',
      order: { incarnation, heartbeatCnt },
      intervalMs: 1000,
      application: 'passing',
      heardUsAgoMs: null,
    }) as const;

  it('has each verdict with what it was made from, and nothing of a mere suspicion', async () => {
    const made = await scene();
    const { stage, monitor } = made;
    const [peer] = stage.peers.all;
    if (peer === undefined) throw new Error('there is no peer');
    const { heartbeatIntervalMs, missesAllowed } = stage.context.settings;
    const tick = async (intervals: number): Promise<void> => {
      await stage.clock.advance(intervals * heartbeatIntervalMs);
      monitor.apply(peer, { kind: 'tick' });
    };
    monitor.apply(peer, beat(1));
    await tick(1.6);
    expect(peer.health.state).to.equal('suspect');
    monitor.apply(peer, beat(2));
    await settled();
    expect(made.entries().map(({ outcome }) => outcome)).to.deep.equal(['up']);
    peer.lastHeartbeatMs = Date.UTC(2026, 0, 2);
    peer.rttMs = 0.75;
    monitor.pauses.count = 1;
    monitor.pauses.longestMs = 2500;
    await tick(missesAllowed);
    expect(peer.health.state).to.equal('down');
    monitor.apply(peer, beat(3));
    monitor.apply(peer, { kind: 'orderly-shutdown', order: { incarnation: 1, heartbeatCnt: 4 } });
    await settled();
    expect(made.entries().map(({ outcome, inputs }) => `${String(inputs.from)} ${outcome}`)).to.deep.equal([
      'unknown up',
      'up down',
      'down up',
      'up left',
    ]);
    const down = made.entries()[1];
    expect(down).to.deep.include({ kind: 'verdict', workload: null, dataCenter: 'dc2', actor: 'automatic', steps: [] });
    expect(down?.inputs).to.deep.equal({
      from: 'up',
      reason: 'silence',
      missed: 4,
      missesAllowed,
      intervalSeconds: heartbeatIntervalMs / 1000,
      lastHeartbeatAt: '2026-01-02T00:00:00.000Z',
      rttMs: 0.75,
      // Its last word was that it had not heard us.
      hearsUs: false,
      application: 'passing',
      ownApplication: 'passing',
      ownPauses: { count: 1, longestSeconds: 2.5, lastAt: null },
      held: { origins: 2, bytes: 10, newestTakenAt: '2026-01-01T00:00:00.000Z' },
      pending: 0,
    });
  });

  it('is no part of the verdict: what fails in it does not', async () => {
    const made = await scene();
    const { stage, monitor } = made;
    const [peer] = stage.peers.all;
    if (peer === undefined) throw new Error('there is no peer');
    made.view = () => {
      throw new Error('a defect');
    };
    expect(monitor.apply(peer, beat(1))).to.equal(true);
    await settled();
    expect(peer.health.state).to.equal('up');
    expect(stage.defects).to.have.length(1);
  });
});
