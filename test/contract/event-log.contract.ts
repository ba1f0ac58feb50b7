import { expect } from 'chai';
import type { GatewayEvent } from '../../src/core/events.ts';
import type { EventLog } from '../../src/ports/event-log.ts';
import { refusal } from './snapshot-content.ts';

export interface EventLogHarness {
  /** The log over what is durable now, as after a restart; small enough that 300 events overflow it. */
  open(): Promise<EventLog>;
  failAll(code: 'store-full' | 'store-unavailable' | null): void;
}

export function eventOf(id: number): GatewayEvent {
  return { id, at: '2026-01-02T03:04:05.678Z', type: 'peer-left', dataCenter: `dc-${id} ü`, incarnation: id };
}

export async function idsOf(log: EventLog, after: number, limit = 1000): Promise<number[]> {
  return (await log.read(after, limit)).map((event) => event.id);
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
}

/** The behaviour of every event log. */
export function eventLogContract(name: string, make: () => EventLogHarness): void {
  describe(`The event log in ${name}`, () => {
    let harness: EventLogHarness;
    let log: EventLog;

    beforeEach(async () => {
      harness = make();
      log = await harness.open();
    });
    afterEach(() => log.close());

    const restart = async (): Promise<void> => {
      await log.close();
      log = await harness.open();
    };
    const appendAll = (ids: readonly number[]): Promise<unknown> =>
      Promise.all(ids.map((id) => log.append(eventOf(id))));

    it('is empty at first', async () => {
      expect([log.oldestId, log.newestId]).to.deep.equal([0, 0]);
      expect(await log.read(0, 10)).to.deep.equal([]);
    });

    it('gives back every event, whole and in order, also after a restart', async () => {
      await appendAll([3, 5, 1000, 1_700_000_000_000]);
      for (let i = 0; i < 2; i += 1) {
        expect(await log.read(0, 10)).to.deep.equal([3, 5, 1000, 1_700_000_000_000].map(eventOf));
        expect([log.oldestId, log.newestId]).to.deep.equal([3, 1_700_000_000_000]);
        await restart();
      }
    });

    it('reads from any id on, up to a limit', async () => {
      await appendAll(range(1, 20).map((i) => i * 10));
      expect(await idsOf(log, 0, 3)).to.deep.equal([10, 20, 30]);
      expect(await idsOf(log, 10, 2)).to.deep.equal([20, 30]);
      expect(await idsOf(log, 15, 2)).to.deep.equal([20, 30]);
      expect(await idsOf(log, 199, 5)).to.deep.equal([200]);
      expect(await idsOf(log, 200, 5)).to.deep.equal([]);
      expect(await idsOf(log, 0, 0)).to.deep.equal([]);
    });

    it('shows an event at once, before it is durable', async () => {
      const written = log.append(eventOf(1));
      expect(log.newestId).to.equal(1);
      expect(await idsOf(log, 0)).to.deep.equal([1]);
      await written;
    });

    it('refuses an id that does not grow, as a defect', async () => {
      await log.append(eventOf(5));
      for (const id of [5, 4, 0, -1, 5.5, NaN, 2 ** 53]) {
        const error: unknown = await log.append(eventOf(id)).then(
          () => null,
          (reason: unknown) => reason,
        );
        expect(error, String(id)).to.be.instanceOf(RangeError);
      }
      await restart();
      const error: unknown = await log.append(eventOf(5)).then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(RangeError);
      await log.append(eventOf(6));
    });

    it('drops the oldest when it is full, and pages through the rest without a gap', async () => {
      for (const id of range(1, 300)) await log.append(eventOf(id));
      for (let i = 0; i < 2; i += 1) {
        expect(log.newestId).to.equal(300);
        expect(log.oldestId).to.be.greaterThan(1);
        const paged: number[] = [];
        for (let after = 0; ; after = paged.at(-1) ?? 0) {
          const page = await idsOf(log, after, 7);
          if (page.length === 0) break;
          paged.push(...page);
        }
        expect(paged).to.deep.equal(range(log.oldestId, 300));
        expect(await idsOf(log, 290)).to.deep.equal(range(291, 300));
        await restart();
      }
    });

    it('keeps what the disk refuses readable, and writes it before the next', async () => {
      await log.append(eventOf(1));
      harness.failAll('store-full');
      for (const id of [2, 3]) expect(await refusal(log.append(eventOf(id)))).to.equal('store-full');
      expect(await idsOf(log, 0)).to.deep.equal([1, 2, 3]);
      harness.failAll('store-unavailable');
      expect(await refusal(log.append(eventOf(4)))).to.equal('store-unavailable');
      harness.failAll(null);
      await log.append(eventOf(5));
      expect(await idsOf(log, 0)).to.deep.equal([1, 2, 3, 4, 5]);
      await restart();
      expect(await idsOf(log, 0)).to.deep.equal([1, 2, 3, 4, 5]);
    });

    it('loses no more in a restart than what the disk had refused', async () => {
      await log.append(eventOf(1));
      harness.failAll('store-full');
      expect(await refusal(log.append(eventOf(2)))).to.equal('store-full');
      harness.failAll(null);
      await restart();
      expect(await idsOf(log, 0)).to.deep.equal([1]);
      await log.append(eventOf(3));
      await restart();
      expect(await idsOf(log, 0)).to.deep.equal([1, 3]);
    });
  });
}
