import { expect } from 'chai';
import type { Schedule } from '../../../src/ports/hooks.ts';
import { ApplicationHealth } from '../../../src/services/application-health.ts';
import { SnapshotRequests } from '../../../src/services/snapshot-requests.ts';
import { settled } from '../adapters/local-api/manual-clock.ts';
import { Stage } from './stage.ts';

describe('the application that is polled (appHealthUrl)', () => {
  it('is asked at once and then each appHealthInterval, and is what it last answered', async () => {
    const stage = new Stage({ settings: { healthIntervalMs: 10_000 } });
    const answers: ('passing' | 'critical')[] = [];
    let next: 'passing' | 'critical' = 'passing';
    const probe = {
      check: () => {
        answers.push(next);
        return Promise.resolve({ status: next, note: '' });
      },
    };
    const health = new ApplicationHealth(stage.context, probe);
    expect(health.status()).to.equal('unknown');
    health.start();
    await settled();
    expect(health.status()).to.equal('passing');
    next = 'critical';
    await stage.clock.advance(9999);
    expect([health.status(), answers.length]).to.deep.equal(['passing', 1]);
    await stage.clock.advance(1);
    expect([health.status(), answers.length]).to.deep.equal(['critical', 2]);
    stage.context.tasks.abort();
    next = 'passing';
    await stage.clock.advance(60_000);
    expect(health.status()).to.equal('critical');
  });
});

describe('the application that must report (appHealthTtl)', () => {
  it('is critical when it has not reported for so long, also when it never did', async () => {
    const stage = new Stage({ settings: { healthTtlMs: 3000 } });
    const health = new ApplicationHealth(stage.context, null);
    expect(health.status()).to.equal('unknown');
    await stage.clock.advance(3001);
    expect(health.status()).to.equal('critical');
    health.tell('passing', '');
    await stage.clock.advance(3000);
    expect(health.status()).to.equal('passing');
    await stage.clock.advance(1);
    expect(health.status()).to.equal('critical');
  });

  it('is what it last said, for ever, where nothing is configured', async () => {
    const stage = new Stage();
    const health = new ApplicationHealth(stage.context, null);
    health.tell('passing', '');
    await stage.clock.advance(1e9);
    expect(health.status()).to.equal('passing');
  });
});

describe('dataSnapshotSchedule', () => {
  it('says when snapshots are asked for, instead of the interval, until the gateway stops', async () => {
    const stage = new Stage({ settings: { snapshotIntervalMs: 1000 } });
    let due: () => void = () => undefined;
    let signalGiven: AbortSignal | undefined;
    const schedule: Schedule = {
      start: (onDue, signal) => {
        due = onDue;
        signalGiven = signal;
      },
    };
    const { hub: events, own, context } = stage;
    const requests = new SnapshotRequests(context, { events, own, schedule });
    requests.start();
    await stage.clock.advance(10_000);
    expect(stage.ofType('snapshot-request')).to.deep.equal([]);
    due();
    await settled();
    expect(stage.ofType('snapshot-request').map((event) => 'reason' in event && event.reason)).to.deep.equal([
      'schedule',
    ]);
    requests.stop();
    due();
    await settled();
    expect(stage.ofType('snapshot-request')).to.have.length(1);
    expect(signalGiven).to.equal(context.tasks.signal);
    context.tasks.abort();
  });
});
