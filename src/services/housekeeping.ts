import {
  archivedBytes,
  expired,
  firstLookMs,
  isClockSteady,
  isKeptAlways,
  isKeptForBytes,
  lookIntervalMs,
  type Removal,
} from '../core/housekeeping.ts';
import { keyText, type SnapshotKey, type StoredSnapshot } from '../core/snapshot.ts';
import { messageOf } from '../errors.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';
import type { Context } from './context.ts';
import type { StoreWatch } from './store-watch.ts';

export interface KeptStore {
  readonly name: string;
  readonly store: SnapshotStore;
  /** How many live versions are kept besides the newest of each key. */
  readonly history: number;
  /** Whether a delivery, a transfer or a return needs the version now. */
  readonly isNeeded: (key: SnapshotKey, version: number) => boolean;
}

interface Removed {
  versions: number;
  damaged: number;
  history: number;
  bytes: number;
}

/**
 * Keeps what is stored within its bounds: what was set aside, quarantined, lost or damaged goes by age and by bytes
 * (`core/housekeeping.ts` says what stays all the same), and older versions go when the operator has come to want fewer
 * of them. Nothing depends on it: what cannot be removed now is removed at the next look.
 */
export class Housekeeping {
  readonly #context: Context;
  readonly #stores: readonly KeptStore[];
  readonly #watch: StoreWatch;
  /** What the store keeps of damaged content, as the last look found it. */
  readonly #damagedBytes = new Map<string, number>();
  readonly #archived = new Map<string, { readonly generation: number; readonly bytes: number }>();
  #lastLook: { readonly now: number; readonly wallMs: number };

  constructor(context: Context, parts: { stores: readonly KeptStore[]; watch: StoreWatch }) {
    this.#context = context;
    this.#stores = parts.stores;
    this.#watch = parts.watch;
    this.#lastLook = this.#present();
  }

  start(): void {
    this.#context.tasks.run('keep the stores within their bounds', (signal) => this.#run(signal));
  }

  /** What is kept and offered to nobody, by store. */
  archiveBytes(): { readonly store: string; readonly bytes: number }[] {
    return this.#stores.map(({ name, store }) => {
      const known = this.#archived.get(name);
      const bytes = known?.generation === store.generation ? known.bytes : this.#sum(name, store);
      return { store: name, bytes: bytes + (this.#damagedBytes.get(name) ?? 0) };
    });
  }

  #sum(name: string, store: SnapshotStore): number {
    const bytes = store.rows().reduce((sum, row) => sum + archivedBytes(row), 0);
    this.#archived.set(name, { generation: store.generation, bytes });
    return bytes;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random, settings } = this.#context;
    let waitMs = firstLookMs(settings.archiveMaxAgeMs, random());
    for (;;) {
      await clock.sleep(waitMs, signal);
      if (signal.aborted) return;
      await this.look(signal);
      // Spread, so that two gateways that share a database server do not come at the same moment for ever.
      waitMs = lookIntervalMs(settings.archiveMaxAgeMs) * (0.95 + random() / 10);
    }
  }

  /** Looks once at every store that can be used now. */
  async look(signal: AbortSignal): Promise<void> {
    const present = this.#present();
    const isSteady = isClockSteady(this.#lastLook, present);
    this.#lastLook = present;
    for (const kept of this.#stores) {
      if (signal.aborted) return;
      if (!kept.store.isKnown || this.#watch.isFailing(kept.name)) continue;
      const removed: Removed = { versions: 0, damaged: 0, history: 0, bytes: 0 };
      try {
        await this.#retain(kept, removed, signal);
        await this.#bound(kept, removed, isSteady ? this.#context.settings.archiveMaxAgeMs : Infinity, signal);
      } catch (error) {
        this.#watch.failed(kept.name, error);
        this.#context.log.warn(
          { store: kept.name, error: messageOf(error) },
          'the store could not be kept within its bounds; it is tried again later',
        );
      }
      if (removed.versions + removed.damaged + removed.history > 0)
        this.#context.log.info({ store: kept.name, ...removed }, 'what is no longer to be kept was removed');
    }
  }

  /** A new version applies the history to its own key; this is for when the setting was lowered and nothing new came. */
  async #retain(kept: KeptStore, removed: Removed, signal: AbortSignal): Promise<void> {
    const { rules } = this.#context;
    const keys = new Map(kept.store.rows().map(({ key }) => [keyText(key), key]));
    for (const key of keys.values()) {
      const isNeeded = (version: number): boolean => kept.isNeeded(key, version);
      for (const row of rules.expendable(kept.store.rowsOf(key), kept.history, isNeeded)) {
        if (signal.aborted) return;
        // Asked again: the one before took its time.
        const isStill = rules.expendable(kept.store.rowsOf(key), kept.history, isNeeded).includes(row);
        if (!isStill) continue;
        await kept.store.remove(key, row.version);
        removed.history += 1;
        removed.bytes += row.bytes;
      }
    }
  }

  async #bound(kept: KeptStore, removed: Removed, maxAgeMs: number, signal: AbortSignal): Promise<void> {
    const { clock, settings, telemetry } = this.#context;
    const damaged = await kept.store.damaged();
    let damagedBytes = damaged.reduce((sum, { bytes }) => sum + bytes, 0);
    const isPinned = ({ key, version }: StoredSnapshot): boolean => kept.isNeeded(key, version);
    const limits = { wallMs: clock.wallMs(), maxAgeMs, maxBytes: settings.archiveMaxBytes };
    try {
      for (const removal of expired(kept.store.rows(), damaged, isPinned, limits)) {
        if (signal.aborted) return;
        if (removal.kind === 'version' && !mayStillGo(kept, removal)) continue;
        if (!(await this.#goes(kept, removal))) continue;
        if (removal.kind === 'damaged') {
          damagedBytes -= removal.item.bytes;
          removed.damaged += 1;
          removed.bytes += removal.item.bytes;
        } else {
          removed.versions += 1;
          removed.bytes += archivedBytes(removal.row);
        }
        telemetry.archiveRemoved(kept.name);
      }
    } finally {
      this.#damagedBytes.set(kept.name, damagedBytes);
    }
  }

  /**
   * What cannot be removed from a store that works otherwise, a file on a bad sector say, must not keep the rest for ever.
   *
   * @returns false when it stays. @throws what the store throws when it does not work
   */
  async #goes({ name, store }: KeptStore, removal: Removal): Promise<boolean> {
    try {
      if (removal.kind === 'damaged') await store.discardDamaged(removal.item.id);
      else await store.remove(removal.row.key, removal.row.version);
      return true;
    } catch (error) {
      await store.probe();
      const what =
        removal.kind === 'damaged' ? { id: removal.item.id } : { ...removal.row.key, version: removal.row.version };
      this.#context.log.warn(
        { store: name, ...what, error: messageOf(error) },
        'what is no longer to be kept cannot be removed; the rest is',
      );
      return false;
    }
  }

  #present(): { now: number; wallMs: number } {
    const { clock } = this.#context;
    return { now: clock.now(), wallMs: clock.wallMs() };
  }
}

/** While others were removed it may have become the last good version, or somebody may have come to need it. */
function mayStillGo(kept: KeptStore, { row, why }: Removal & { readonly kind: 'version' }): boolean {
  const rows = kept.store.rowsOf(row.key);
  const isKept = why === 'age' ? isKeptAlways : isKeptForBytes;
  return rows.includes(row) && !kept.isNeeded(row.key, row.version) && !isKept(rows, row);
}
