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
      renderEvent({ id: 8, at: AT, type: 'delivery-done', delivery: { ...delivery, reason: 'return' } }),
    ).to.contain('12 returned by dc2');
  });

  it('lists the origins of a request', () => {
    const event: GatewayEvent = { id: 9, at: AT, type: 'snapshot-overdue', requestId: '5', origins: ['a', 'b c'] };
    expect(renderEvent(event)).to.match(/requestId=5 origins=a,"b c"$/);
  });
});
