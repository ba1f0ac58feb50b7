import { keyText, moved, type SnapshotKey, type StoredSnapshot } from '../../core/snapshot.ts';

/**
 * The rows of a store in memory: what `rows`, `rowsOf` and `generation` of the port answer from. Changed only after
 * the change is durable, so that nobody acts on what a crash could take back.
 */
export class SnapshotIndex {
  /** Newest first; arrays are replaced, never changed, so that one that was handed out stays as it was. */
  readonly #byKey = new Map<string, readonly StoredSnapshot[]>();
  #all: readonly StoredSnapshot[] | null = null;
  #generation = 0;

  get generation(): number {
    return this.#generation;
  }

  get keys(): number {
    return this.#byKey.size;
  }

  rows(dataCenter?: string): readonly StoredSnapshot[] {
    this.#all ??= [...this.#byKey.values()].flat();
    return dataCenter === undefined ? this.#all : this.#all.filter((row) => row.key.dataCenter === dataCenter);
  }

  rowsOf(key: SnapshotKey): readonly StoredSnapshot[] {
    return this.#byKey.get(keyText(key)) ?? [];
  }

  find(key: SnapshotKey, version: number): StoredSnapshot | undefined {
    return this.rowsOf(key).find((row) => row.version === version);
  }

  /** Adds the rows, each in place of the one of the same version, as one change. */
  set(rows: readonly StoredSnapshot[]): void {
    if (rows.length === 0) return;
    // Key by key: sorting again for each row would take long for a key of many versions.
    for (const [key, versions] of byKeyAndVersion(rows)) {
      const others = (this.#byKey.get(key) ?? []).filter((other) => !versions.has(other.version));
      this.#byKey.set(
        key,
        [...others, ...versions.values()].sort((a, b) => b.version - a.version),
      );
    }
    this.#changed();
  }

  delete(key: SnapshotKey, version: number): void {
    const rest = this.rowsOf(key).filter((row) => row.version !== version);
    if (rest.length === 0) this.#byKey.delete(keyText(key));
    else this.#byKey.set(keyText(key), rest);
    this.#changed();
  }

  #changed(): void {
    this.#all = null;
    this.#generation += 1;
  }
}

function byKeyAndVersion(rows: readonly StoredSnapshot[]): Map<string, Map<number, StoredSnapshot>> {
  const byKey = new Map<string, Map<number, StoredSnapshot>>();
  for (const row of rows) {
    const key = keyText(row.key);
    const versions = byKey.get(key);
    if (versions === undefined) byKey.set(key, new Map([[row.version, row]]));
    else versions.set(row.version, row);
  }
  return byKey;
}

/** The live rows of one key that a live withdrawal beats, set aside. @param at RFC 3339, now */
export function setAsideByWithdrawal(rows: readonly StoredSnapshot[], at: string): StoredSnapshot[] {
  const withdrawn = rows.filter((row) => row.place === 'live' && row.withdrawn).map((row) => row.version);
  const newest = Math.max(0, ...withdrawn);
  const reason = `version ${newest} withdrew the origin`;
  return rows
    .filter((row) => row.place === 'live' && row.version < newest)
    .map((row) => moved(row, { place: 'set-aside', at, reason }));
}
