import { expect } from 'chai';
import type { EventBody } from '../../../src/core/events.ts';
import type { PrometheusTelemetry } from '../../../src/metrics/telemetry.ts';
import { telemetryOver } from '../../support/telemetry-sample.ts';
import { seriesOf } from './metrics-text.ts';

const AT = '2026-01-01T00:00:00.000Z';
const taken = { workload: 'dc2', dataCenter: 'dc2', epoch: 2 };
const moved = { workload: 'dc1', from: 'dc1', to: 'dc2', epoch: 3 };
const row = { workload: 'dc1', owner: 'dc1', epoch: 1, since: AT, reason: 'initial' } as const;

async function counted(...bodies: EventBody[]): Promise<ReadonlyMap<string, number>> {
  const telemetry = telemetryOver({ peers: [], open: 0 });
  publish(telemetry, bodies);
  return seriesOf(await telemetry.metricsText());
}

function publish(telemetry: PrometheusTelemetry, bodies: readonly EventBody[]): void {
  for (const body of bodies) telemetry.eventPublished({ ...body, id: 1, at: AT });
}

const completed = (reason: 'takeover' | 'switchover' | 'failback'): EventBody => ({
  type: 'takeover-completed',
  ...taken,
  reason,
  seconds: 1,
});
const changed = (reason: 'takeover' | 'switchover' | 'failback'): EventBody => ({
  type: 'owner-changed',
  ...moved,
  reason,
});

describe('metrics of ownership', () => {
  it('tell the owner, the epoch and whether it is served here, at the moment of the scrape', async () => {
    const ownership = [{ workload: 'dc2', owner: 'dc2', epoch: 7, primary: false }];
    const state = { peers: [], open: 0, ownership };
    const telemetry = telemetryOver(state);
    await telemetry.metricsText();
    state.ownership = [{ workload: 'dc2', owner: 'dc1', epoch: 8, primary: true }];
    const series = seriesOf(await telemetry.metricsText());
    expect(series.get('crossdc_ownership_epoch{workload="dc2"}')).to.equal(8);
    expect(series.get('crossdc_primary{workload="dc2"}')).to.equal(1);
    const owners = [...series].filter(([name]) => name.startsWith('crossdc_ownership_owner'));
    expect(owners).to.deep.equal([['crossdc_ownership_owner{workload="dc2",owner="dc1"}', 1]]);
  });

  it('stand at 0 for every workload before anything happens', async () => {
    const series = await counted();
    for (const name of [
      'crossdc_takeovers_total{workload="dc2",outcome="completed"}',
      'crossdc_takeovers_total{workload="dc2",outcome="cancelled"}',
      'crossdc_ownership_moves_total{workload="dc1",outcome="completed"}',
      'crossdc_ownership_moves_total{workload="dc1",outcome="rolled-back"}',
      'crossdc_ownership_conflicts_total{workload="dc1"}',
      'crossdc_primary{workload="dc2"}',
    ])
      expect(series.get(name), name).to.equal(0);
  });

  it('count takeovers by how they ended, and no planned move as one', async () => {
    const cancelled = { type: 'takeover-cancelled', ...taken, delivery: null, reason: 'heard again' } as const;
    const rolledBack = { ...cancelled, reason: 'the move was rolled back: no', move: 'failback' } as const;
    const series = await counted(
      completed('takeover'),
      completed('switchover'),
      completed('failback'),
      cancelled,
      rolledBack,
    );
    expect(series.get('crossdc_takeovers_total{workload="dc2",outcome="completed"}')).to.equal(1);
    expect(series.get('crossdc_takeovers_total{workload="dc2",outcome="cancelled"}')).to.equal(1);
  });

  it('count planned moves by how they ended, and no takeover as one', async () => {
    const rolledBack = { type: 'move-rolled-back', ...moved, reason: 'no', seconds: 1 } as const;
    const series = await counted(changed('takeover'), changed('switchover'), changed('failback'), rolledBack);
    expect(series.get('crossdc_ownership_moves_total{workload="dc1",outcome="completed"}')).to.equal(2);
    expect(series.get('crossdc_ownership_moves_total{workload="dc1",outcome="rolled-back"}')).to.equal(1);
  });

  it('count conflicts, and every event by its type all the same', async () => {
    const conflict = {
      workload: 'dc1',
      winner: { ...row, epoch: 2 },
      loser: row,
      overlapMs: 5,
      at: AT,
      acknowledged: false,
    };
    const series = await counted({ type: 'ownership-conflict', workload: 'dc1', conflict });
    expect(series.get('crossdc_ownership_conflicts_total{workload="dc1"}')).to.equal(1);
    expect(series.get('crossdc_events_total{type="ownership-conflict"}')).to.equal(1);
  });
});
