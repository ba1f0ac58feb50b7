/** What a snapshot is, wherever it lies: its name, its description and its fate. */

/** (workload, origin) identifies a snapshot; `dataCenter` is the DC that it came from, our own name for our own. */
export interface SnapshotKey {
  readonly dataCenter: string;
  readonly workload: string;
  readonly origin: string;
}

/** What the application says of a snapshot and what travels with it, unchanged, wherever it goes. */
export interface SnapshotDescription {
  /** Below 2^53; the greater is newer; one sequence per (workload, origin). */
  readonly version: number;
  /** Length of the content. 0 for a withdrawal. */
  readonly bytes: number;
  /** SHA-256 of the content, 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  /** RFC 3339, UTC: when the gateway that first accepted it had it durable. A record; never an order. */
  readonly takenAt: string;
  /** Where the application's input must be rewound to; null when it said nothing. */
  readonly position: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** An empty body withdraws the origin: a version like any other, that beats every older one. */
  readonly withdrawn: boolean;
}

/**
 * Where a stored version is.
 * - `live`: offered.
 * - `set-aside`: kept, not offered: an operator's wish, or a withdrawal that came later.
 * - `quarantined`: the application rejected it; kept for a person to look at.
 * - `lost`: damaged or missing. The bytes, if any, lie in quarantine; the row remembers that we once had them.
 */
export type SnapshotPlace = 'live' | 'set-aside' | 'quarantined' | 'lost';

/** How a content lies in its store where it is encrypted. `bytes` and `sha256` of its row are those of the content itself. */
export interface StoredEncryption {
  /** Which key of `snapshotEncryptionKeyFile` it needs. */
  readonly keyId: string;
  /** Length of what is stored. */
  readonly storedBytes: number;
}

export interface StoredSnapshot extends SnapshotDescription {
  readonly key: SnapshotKey;
  readonly place: SnapshotPlace;
  /** The id of the takeover that delivered it and was done; null when none was. */
  readonly deliveredBy: string | null;
  /** The incarnation of the gateway that stored it here. */
  readonly incarnation: number;
  /** RFC 3339, UTC: when it was stored here. */
  readonly storedAt: string;
  /** RFC 3339, UTC: since when it is in its place. */
  readonly placedAt: string;
  /** Why it is where it is, for a person; null for one that is live and never was elsewhere. */
  readonly reason: string | null;
  /** Absent where the content is stored as it came. */
  readonly encryption?: StoredEncryption;
}

/** The row in another place, from now on. */
export function moved(
  row: StoredSnapshot,
  to: { place: SnapshotPlace; at: string; reason: string | null },
): StoredSnapshot {
  return { ...row, place: to.place, placedAt: to.at, reason: to.reason };
}

/** A snapshot as it is listed: its name and all that is said of it, but not where it lies. */
export interface ListedSnapshot extends Omit<SnapshotDescription, 'withdrawn'> {
  readonly workload: string;
  readonly origin: string;
}

export function listed({ key, ...row }: StoredSnapshot): ListedSnapshot {
  const { version, bytes, sha256, takenAt, position, labels } = row;
  return { workload: key.workload, origin: key.origin, version, bytes, sha256, takenAt, position, labels };
}

/** What travels with the bytes: the description alone, without anything of where it is stored here. */
export function descriptionOf(row: StoredSnapshot): SnapshotDescription {
  const { version, bytes, sha256, takenAt, position, labels, withdrawn } = row;
  return { version, bytes, sha256, takenAt, position, labels, withdrawn };
}

/** What became of the newest version that was taken in (interface §5, the inventory). */
export type SnapshotFate = 'held' | 'delivered' | 'set-aside' | 'withdrawn' | 'lost';

export function fateOf(snapshot: StoredSnapshot): SnapshotFate {
  switch (snapshot.place) {
    case 'lost':
      return 'lost';
    case 'set-aside':
    case 'quarantined':
      return 'set-aside';
    case 'live':
      if (snapshot.withdrawn) return 'withdrawn';
      return snapshot.deliveredBy === null ? 'held' : 'delivered';
  }
}

/** A string that is equal for equal keys and for no others. NUL cannot occur in any of the three names. */
export function keyText(key: SnapshotKey): string {
  return `${key.dataCenter}\0${key.workload}\0${key.origin}`;
}

/** The newest version of each key, whatever became of it, in the order of workload and origin. */
export function newestOfEach(rows: readonly StoredSnapshot[]): StoredSnapshot[] {
  const newest = new Map<string, StoredSnapshot>();
  for (const row of rows) {
    const text = keyText(row.key);
    const known = newest.get(text);
    if (known === undefined || row.version > known.version) newest.set(text, row);
  }
  return [...newest.values()].sort(byName);
}

/** The newest version of each key that can be offered: live, not withdrawn, and nothing newer withdrew it. */
export function newestOffered(rows: readonly StoredSnapshot[]): StoredSnapshot[] {
  return newestOfEach(rows.filter((row) => row.place === 'live')).filter((row) => !row.withdrawn);
}

export function byName(a: { readonly key: SnapshotKey }, b: { readonly key: SnapshotKey }): number {
  const left = keyText(a.key);
  const right = keyText(b.key);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** By name, and the newest version of each first. */
export function newestFirst(a: StoredSnapshot, b: StoredSnapshot): number {
  return byName(a, b) || b.version - a.version;
}
