import type { GatewayEvent } from '../../src/core/events.ts';
import { keyText, type SnapshotKey, type StoredSnapshot } from '../../src/core/snapshot.ts';
import type { HistoryEntry } from '../../src/ports/ownership-api.ts';
import type { DamagedContent } from '../../src/ports/snapshot-store.ts';
import { GatewayError } from '../../src/errors.ts';

export type DiskFailure = 'store-full' | 'store-unavailable';

export interface MemoryVersion {
  readonly row: StoredSnapshot;
  /** null: the bytes are missing. */
  readonly bytes: Buffer | null;
}

/**
 * What outlives a gateway in a test: the durable content of its memory stores. A store made anew over the same disk
 * sees what was durable when the one before was crashed. Tests break things through it.
 */
export class MemoryDisk {
  /** By the name of the store, then by key, then by version. */
  readonly snapshots = new Map<string, Map<string, Map<number, MemoryVersion>>>();
  readonly records = new Map<string, string>();
  readonly events: GatewayEvent[] = [];
  readonly history: HistoryEntry[] = [];
  /**
   * Stores, by name, that are away like a database that cannot be reached: nothing of them is read or changed, and one
   * that is opened meanwhile knows no rows.
   */
  readonly away = new Set<string>();
  readonly #damaged = new Map<string, DamagedContent[]>();
  #damages = 0;
  /** Awaited before each change becomes durable; a simulator gives it virtual time. */
  latency: () => Promise<void> = () => Promise.resolve();
  /** How many changes became durable. */
  writes = 0;
  /** Told before a change becomes durable and after it: a test crashes the gateway there. */
  around: (moment: 'before' | 'after') => void = () => undefined;
  #life = 0;
  #next: DiskFailure[] = [];
  #failing: DiskFailure | null = null;

  /** Which run of the gateway a store belongs to. */
  get life(): number {
    return this.#life;
  }

  /** Ends the present run: what its stores have not made durable by now never will be. */
  crash(): void {
    this.#life += 1;
  }

  /** The next changes fail, this many. */
  failNext(code: DiskFailure, times = 1): void {
    for (let i = 0; i < times; i += 1) this.#next.push(code);
  }

  /** Every change fails until it is called with null. */
  failAll(code: DiskFailure | null): void {
    this.#failing = code;
  }

  /** Makes a change durable, whole or not at all. */
  async change(life: number, apply: () => void): Promise<void> {
    await this.latency();
    if (life === this.#life) this.around('before');
    if (life !== this.#life) throw new GatewayError('store-unavailable', 'The store belongs to a run that has ended.');
    const code = this.#next.shift() ?? this.#failing;
    if (code !== null) throw new GatewayError(code, `The disk was told to fail (${code}).`);
    apply();
    this.writes += 1;
    this.around('after');
  }

  damagedOf(store: string): readonly DamagedContent[] {
    return this.#damaged.get(store) ?? [];
  }

  keepDamaged(store: string, content: Omit<DamagedContent, 'id'>): void {
    this.#damages += 1;
    entryOf(this.#damaged, store, () => []).push({ id: String(this.#damages), ...content });
  }

  discardDamaged(store: string, id: string): void {
    this.#damaged.set(
      store,
      this.damagedOf(store).filter((content) => content.id !== id),
    );
  }

  versionsOf(store: string, key: SnapshotKey): Map<number, MemoryVersion> {
    const keys = entryOf(this.snapshots, store, () => new Map<string, Map<number, MemoryVersion>>());
    return entryOf(keys, keyText(key), () => new Map<number, MemoryVersion>());
  }

  /** Flips a bit in the bytes of a version, in every store that has it; an empty content becomes one byte. */
  damage(key: SnapshotKey, version: number): void {
    this.#replace(key, version, (bytes) => {
      const copy = Buffer.from(bytes.length === 0 ? [0] : bytes);
      copy[0] = (copy[0] ?? 0) ^ 1;
      return copy;
    });
  }

  /** Takes the bytes of a version away and leaves its row. */
  lose(key: SnapshotKey, version: number): void {
    this.#replace(key, version, () => null);
  }

  #replace(key: SnapshotKey, version: number, replace: (bytes: Buffer) => Buffer | null): void {
    let found = false;
    for (const keys of this.snapshots.values()) {
      const versions = keys.get(keyText(key));
      const stored = versions?.get(version);
      if (versions === undefined || stored?.bytes == null) continue;
      versions.set(version, { row: stored.row, bytes: replace(stored.bytes) });
      found = true;
    }
    if (!found) throw new Error(`there is no version ${version} of ${key.origin} to damage`);
  }
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
