import type { SnapshotKey, SnapshotPlace, StoredSnapshot } from '../core/snapshot.ts';

export interface PutSnapshot {
  readonly key: SnapshotKey;
  /**
   * Called once the content is complete, with the newest version that was ever taken in for the key (0 for none), and
   * while no other write of the key can come between. Returns the version, or throws to refuse.
   */
  readonly version: (newest: StoredSnapshot | undefined, content: { bytes: number; sha256: string }) => number;
  /** RFC 3339; the store calls it when the content is complete. */
  readonly takenAt: () => string;
  readonly position: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly incarnation: number;
  readonly maxBytes: number;
  /** What the sender says it sent; null when it said nothing. */
  readonly expect: { readonly bytes: number | null; readonly sha256: string | null };
}

export interface ByteRange {
  readonly start: number;
  /** Inclusive. */
  readonly end: number;
}

/** An open version whose every byte was verified against its digest before this was handed out. */
export interface SnapshotReader {
  readonly snapshot: StoredSnapshot;
  /** The content, or a part of it. May be called once. Ends the reader when it is read to the end or left early. */
  stream(range?: ByteRange): AsyncIterable<Uint8Array>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Content that turned out to be damaged, kept for a person to look at; no row speaks of it any more. */
export interface DamagedContent {
  /** Names it in its store, for as long as it is kept. */
  readonly id: string;
  readonly bytes: number;
  /** RFC 3339, UTC: since when it is kept. */
  readonly at: string;
  /** null when even that could not be written. */
  readonly reason: string | null;
}

/**
 * Snapshots of one collection (our own, held, returned) with their history. Two adapters, one behaviour, one contract
 * suite. Rows are answered from memory; everything else may do I/O.
 *
 * A snapshot becomes visible only whole and verified; a crash at any moment leaves the old version or the new one. A
 * promise that resolved is durable.
 */
export interface SnapshotStore {
  readonly kind: 'file' | 'postgresql' | 'memory';

  /**
   * False until it is known what is stored, because the store was away when it was opened: `rows` is empty then, and
   * nobody may conclude from that. Once true it stays true.
   */
  readonly isKnown: boolean;
  /** Every row, wherever it is; of one DC when that is given. Never a row whose bytes are not durable. */
  rows(dataCenter?: string): readonly StoredSnapshot[];
  /** Every row of one key, newest first. */
  rowsOf(key: SnapshotKey): readonly StoredSnapshot[];
  /** Grows with every change of any row: what was derived from `rows` may be kept until it does. */
  readonly generation: number;

  /**
   * Takes in the content, whole or not at all. Resolves when it is durable and visible. An empty content is a
   * withdrawal: it sets every older live version of the key aside.
   *
   * @throws GatewayError `snapshot-too-large`, `digest-mismatch`, `interrupted`, `store-full`, `store-unavailable`, and
   *   whatever `version` throws. Nothing half-written stays behind.
   */
  put(request: PutSnapshot, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<StoredSnapshot>;

  /**
   * Opens a version for reading. It is verified whole before the promise resolves, whatever its place.
   *
   * @throws GatewayError `not-found`; `snapshot-damaged` after the version was moved to place `lost`;
   *   `store-unavailable`. `encryption-key-missing` when it cannot be told whether the version is whole: it stays as it is.
   */
  open(key: SnapshotKey, version: number): Promise<SnapshotReader>;

  /**
   * Reads a version whole and compares it with its digest, as `open` does, but no faster than `pace` lets it: that is
   * awaited after each block, with the length of what was read of the store.
   *
   * @throws as `open`, with the same consequences
   */
  verify(key: SnapshotKey, version: number, pace: (bytes: number) => Promise<void>): Promise<void>;

  /** Changes where a version is, keeping its bytes, and notes why. Idempotent. */
  move(
    key: SnapshotKey,
    version: number,
    to: { place: Exclude<SnapshotPlace, 'lost'>; reason: string | null },
  ): Promise<void>;
  /** Notes that a takeover delivered it. Idempotent. */
  markDelivered(key: SnapshotKey, version: number, delivery: string): Promise<void>;
  /** Deletes the bytes and the row of a version. Idempotent. */
  remove(key: SnapshotKey, version: number): Promise<void>;

  /** What was damaged and is kept, the oldest first. */
  damaged(): Promise<readonly DamagedContent[]>;
  /** Deletes what was damaged, by its id. Idempotent. */
  discardDamaged(id: string): Promise<void>;

  /**
   * Writes and removes a little, to learn whether the store works now, and looks whether the key of everything stored is there.
   * @throws GatewayError as `put` does, `encryption-key-missing` when all else works
   */
  probe(): Promise<void>;
  /** Names of what lies in the store and is not ours; left alone, said once at start. */
  foreign(): readonly string[];
  close(): Promise<void>;
}
