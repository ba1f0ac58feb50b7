import { expect } from 'chai';
import { renderEvent } from '../../../src/cli/event-text.ts';
import { createDelivery } from '../../../src/core/delivery.ts';
import type { GatewayEvent } from '../../../src/core/events.ts';

const AT = '2026-01-02T03:04:05.678Z';

describe('an event for people', () => {
  it('is one line with its facts by name, without those that are not known', () => {
    const event: GatewayEvent = {
      id: 7,
      at: AT,
      type: 'peer-down',
      dataCenter: 'dc2',
      missed: 4,
      lastHeartbeatAt: null,
      reason: 'silence',
    };
    expect(renderEvent(event)).to.equal(`${AT}  peer-down                 dataCenter=dc2 missed=4 reason=silence`);
  });

  it('quotes what is no single word, and shows control characters by their number', () => {
    const event: GatewayEvent = {
      id: 7,
      at: AT,
      type: 'snapshot-rejected',
      delivery: '9',
      dataCenter: 'dc2',
      workload: 'dc2',
      origin: 'a b',
      version: 3,
      reason: 'bad\u009b2J',
    };
    expect(renderEvent(event)).to.match(
      /delivery=9 dataCenter=dc2 workload=dc2 origin="a b" version=3 reason=bad\\u\{9b\}2J$/,
    );
  });

  it('sums up a delivery', () => {
    const delivery = createDelivery({ id: '12', reason: 'takeover', dataCenter: 'dc2', createdAt: AT, snapshots: [] });
    expect(
      renderEvent({ id: 8, at: AT, type: 'delivery', attempt: 2, delivery: { ...delivery, attempt: 2 } }),
    ).to.contain('12 takeover of dc2, 0 snapshots (0 B), open, attempt 2');
    expect(
      renderEvent({ id: 8, at: AT, type: 'delivery-done', delivery: { ...delivery, reason: 'return' }, seconds: 1.25 }),
    ).to.match(/12 returned by dc2.* seconds=1\.3$/);
  });

  it('sums up rows and conflicts of ownership', () => {
    const was = { workload: 'dc1', owner: 'dc1', epoch: 1, since: AT, reason: 'initial' } as const;
    const row = { ...was, owner: 'dc2', epoch: 2, reason: 'takeover' } as const;
    expect(renderEvent({ id: 9, at: AT, type: 'superseded', workload: 'dc1', row, was })).to.match(
      /workload=dc1 row="dc2, epoch 2, takeover" was="dc1, epoch 1, initial"$/,
    );
    const conflict = { workload: 'dc1', winner: row, loser: was, overlapMs: 1234, at: AT, acknowledged: false };
    expect(renderEvent({ id: 9, at: AT, type: 'ownership-conflict', workload: 'dc1', conflict })).to.match(
      /workload=dc1 conflict: dc2 \(epoch 2\) and dc1 \(epoch 1\) both owned it, for 1\.2 s$/,
    );
  });

  it('tells each step of a takeover or a move by its facts', () => {
    const facts = { workload: 'dc2', dataCenter: 'dc2', epoch: 8 };
    const lines = (
      [
        { type: 'takeover-started', ...facts, epoch: 0, actor: 'operator (no token)' },
        { type: 'takeover-checked', ...facts, seconds: 0.004 },
        { type: 'takeover-blocked', ...facts, reason: 'nothing-held' },
        { type: 'takeover-cancelled', ...facts, delivery: null, reason: 'heard again' },
        { type: 'takeover-completed', ...facts, reason: 'takeover', seconds: 4.256 },
        { type: 'owner-releasing', workload: 'dc2', to: 'dc1', deadline: AT },
        { type: 'owner-changed', workload: 'dc2', from: 'dc2', to: 'dc1', epoch: 8, reason: 'takeover' },
        { type: 'move-started', workload: 'dc2', from: 'dc1', to: 'dc2', epoch: 9, actor: 'automatic' },
        { type: 'move-rolled-back', workload: 'dc2', from: 'dc1', to: 'dc2', epoch: 9, reason: 'down', seconds: 1 },
      ] as const
    ).map((body) => renderEvent({ id: 9, at: AT, ...body }).slice(AT.length + 2));
    expect(lines).to.deep.equal([
      'takeover-started          workload=dc2 dataCenter=dc2 epoch=0 actor="operator (no token)"',
      'takeover-checked          workload=dc2 dataCenter=dc2 epoch=8 seconds=0.004',
      'takeover-blocked          workload=dc2 dataCenter=dc2 epoch=8 reason=nothing-held',
      'takeover-cancelled        workload=dc2 dataCenter=dc2 epoch=8 reason="heard again"',
      'takeover-completed        workload=dc2 dataCenter=dc2 epoch=8 reason=takeover seconds=4.3',
      `owner-releasing           workload=dc2 to=dc1 deadline=${AT}`,
      'owner-changed             workload=dc2 from=dc2 to=dc1 epoch=8 reason=takeover',
      'move-started              workload=dc2 from=dc1 to=dc2 epoch=9 actor=automatic',
      'move-rolled-back          workload=dc2 from=dc1 to=dc2 epoch=9 reason=down seconds=1.0',
    ]);
  });

  it('lists the origins of a request', () => {
    const event: GatewayEvent = { id: 9, at: AT, type: 'snapshot-overdue', requestId: '5', origins: ['a', 'b c'] };
    expect(renderEvent(event)).to.match(/requestId=5 origins=a,"b c"$/);
  });
});
