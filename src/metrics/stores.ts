import { Counter, Gauge } from 'prom-client';
import type { Telemetry } from '../ports/telemetry.ts';
import { amount, bounded, knownCounter, OTHER, type FamilyContext } from './family.ts';
import { STORES } from './held.ts';

type Stores = Pick<Telemetry, 'scrubVerified' | 'scrubDamaged' | 'archiveRemoved'>;

/** What the gateway does to its stores by itself: verifying what lies there, and deleting what is no longer to be kept. */
export function storeMetrics({ registry, scrape }: FamilyContext): Stores {
  const registers = [registry];
  const verified = new Counter({
    name: 'crossdc_scrub_verified_bytes_total',
    help: 'Bytes of the stored snapshots that the verification in the background has read and found good.',
    registers,
  });
  const damaged = new Counter({
    name: 'crossdc_scrub_damaged_total',
    help: 'Stored snapshots that the verification in the background has found damaged or missing.',
    registers,
  });
  new Gauge({
    name: 'crossdc_scrub_last_completed_timestamp_seconds',
    help: 'When the verification of everything that is stored was last completed; absent before the first time.',
    registers,
    collect() {
      this.remove();
      if (scrape.scrubCompletedMs !== null) this.set(scrape.scrubCompletedMs / 1000);
    },
  });
  const removed = knownCounter(
    registry,
    {
      name: 'crossdc_archive_removed_total',
      help: 'Versions and damaged contents that were deleted to keep the archive of a store within its bounds.',
    },
    'store',
    [...STORES, OTHER],
  );
  new Gauge({
    name: 'crossdc_archive_bytes',
    help: 'Bytes of what a store keeps and offers to nobody: set aside, quarantined or damaged.',
    labelNames: ['store'] as const,
    registers,
    collect() {
      this.reset();
      for (const { store, bytes } of scrape.archives) this.set({ store }, amount(bytes));
    },
  });
  return {
    scrubVerified: (bytes) => verified.inc(amount(bytes)),
    scrubDamaged: () => damaged.inc(),
    archiveRemoved: (store) => removed.inc({ store: bounded(STORES, store) }),
  };
}
