import { expect } from 'chai';
import type { HistoryLog } from '../../src/ports/history.ts';
import type { HistoryEntry } from '../../src/ports/ownership-api.ts';
import { range } from './event-log.contract.ts';
import { refusal } from './snapshot-content.ts';

export interface HistoryLogHarness {
  /** The history over what is durable now, as after a restart; small enough that 300 decisions overflow it. */
  open(): Promise<HistoryLog>;
  failAll(code: 'store-full' | 'store-unavailable' | null): void;
}

export function decision(id: number): HistoryEntry {
  return {
    id,
    at: '2026-01-02T03:04:05.678Z',
    kind: 'takeover',
    workload: `dc-${id} ü`,
    dataCenter: null,
    actor: 'automatic',
    outcome: 'completed',
    inputs: { missed: 4, held: { origins: 2 } },
    steps: [{ step: 'started', at: '2026-01-02T03:04:05.678Z', seconds: 0.25 }],
  };
}

export async function idsIn(log: HistoryLog, after: number, limit = 1000): Promise<number[]> {
  return (await log.read(after, limit)).map((entry) => entry.id);
}

/** The behaviour of every history. */
export function historyLogContract(name: string, make: () => HistoryLogHarness): void {
  describe(`The history in ${name}`, () => {
    let harness: HistoryLogHarness;
    let log: HistoryLog;

    beforeEach(async () => {
      harness = make();
      log = await harness.open();
    });
    afterEach(() => log.close());

    const restart = async (): Promise<void> => {
      await log.close();
      log = await harness.open();
    };

    it('gives back every decision, whole and in order, also after a restart', async () => {
      expect(log.newestId).to.equal(0);
      await Promise.all([3, 5, 1_700_000_000_000].map((id) => log.append(decision(id))));
      for (let i = 0; i < 2; i += 1) {
        expect(await log.read(0, 10)).to.deep.equal([3, 5, 1_700_000_000_000].map(decision));
        expect(log.newestId).to.equal(1_700_000_000_000);
        await restart();
      }
    });

    it('reads from any id on, up to a limit', async () => {
      for (const id of range(1, 20)) await log.append(decision(id * 10));
      expect(await idsIn(log, 0, 3)).to.deep.equal([10, 20, 30]);
      expect(await idsIn(log, 15, 2)).to.deep.equal([20, 30]);
      expect(await idsIn(log, 200)).to.deep.equal([]);
      expect(await idsIn(log, 0, 0)).to.deep.equal([]);
    });

    it('refuses an id that does not grow, as a defect', async () => {
      await log.append(decision(5));
      for (const id of [5, 4, 0, NaN, 2 ** 53]) {
        const error: unknown = await log.append(decision(id)).then(
          () => null,
          (reason: unknown) => reason,
        );
        expect(error, String(id)).to.be.instanceOf(RangeError);
      }
    });

    it('drops the oldest when it is full, and none between', async () => {
      for (const id of range(1, 300)) await log.append(decision(id));
      for (let i = 0; i < 2; i += 1) {
        const ids = await idsIn(log, 0);
        expect(ids[0]).to.be.greaterThan(1);
        expect(ids).to.deep.equal(range(ids[0] ?? 0, 300));
        await restart();
      }
    });

    it('keeps what the disk refuses readable, and writes it before the next or when it is flushed', async () => {
      await log.append(decision(1));
      harness.failAll('store-full');
      expect(await refusal(log.append(decision(2)))).to.equal('store-full');
      expect(await refusal(log.flush())).to.equal('store-full');
      expect(await idsIn(log, 0)).to.deep.equal([1, 2]);
      harness.failAll(null);
      await log.flush();
      harness.failAll('store-unavailable');
      expect(await refusal(log.append(decision(3)))).to.equal('store-unavailable');
      harness.failAll(null);
      await log.append(decision(4));
      await restart();
      expect(await idsIn(log, 0)).to.deep.equal([1, 2, 3, 4]);
    });
  });
}
