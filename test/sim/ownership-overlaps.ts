import type { OwnershipRow } from '../../src/core/ownership.ts';
import type { Timeline } from './world/timeline.ts';

/** A shorter time may pass between two looks of the gateway itself, and on the way of a message. */
const NOTICED_MS = 1000;

interface Overlap {
  readonly workload: string;
  readonly owners: readonly [string, string];
  readonly since: number;
  until: number;
}

/** When two data centres served one workload at once, and who has said so since. */
export class Overlaps {
  readonly #timeline: Timeline;
  readonly #all = new Map<string, Overlap>();
  /** When each gateway last reported a conflict of a workload. */
  readonly #saidAt = new Map<string, number>();

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  seen(workload: string, lower: OwnershipRow, higher: OwnershipRow): void {
    const { now } = this.#timeline;
    const name = `${workload} ${lower.owner} ${lower.epoch} ${higher.owner} ${higher.epoch}`;
    const known = this.#all.get(name);
    if (known === undefined)
      this.#all.set(name, { workload, owners: [lower.owner, higher.owner], since: now, until: now });
    else known.until = now;
  }

  said(gateway: string, workload: string): void {
    this.#saidAt.set(`${gateway} ${workload}`, this.#timeline.now);
  }

  /** Who has not reported what it must; null when everybody has. */
  unreported(excused: ReadonlySet<string>): string | null {
    for (const { workload, owners, since, until } of this.#all.values()) {
      if (until - since < NOTICED_MS || excused.has(workload)) continue;
      for (const owner of owners) {
        if ((this.#saidAt.get(`${owner} ${workload}`) ?? -1) >= since) continue;
        const both = owners.join(' and ');
        return `${both} served ${workload} at once from ${since} to ${until} ms, and ${owner} does not report it`;
      }
    }
    return null;
  }
}
