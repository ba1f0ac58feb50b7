import { keyText, type SnapshotFate, type SnapshotKey } from './snapshot.ts';

/**
 * What still has to go to one peer, and what goes next.
 *
 * Only the newest version of each key is ever wanted: a newer one supersedes an older one that has not gone, so the
 * plan never grows beyond the number of keys, however long the peer is away. The plan holds no content and no clock.
 */
export interface PlannedTransfer {
  readonly key: SnapshotKey;
  readonly version: number;
}

/** What the peer says it has of one of our keys (interface §5, the inventory). */
export interface PeerRow {
  readonly workload: string;
  readonly origin: string;
  readonly version: number;
  readonly sha256: string;
  readonly fate: SnapshotFate;
}

interface Entry {
  readonly key: SnapshotKey;
  version: number;
  sha256: string;
  /** The greatest version that the peer is known to have, 0 when none is known. */
  stored: number;
  /** The version under way; null when none is. */
  sending: number | null;
  /** When the oldest version that the peer does not have was offered. */
  pendingSince: number;
  /** When the first version after the one under way was offered; null when none was. */
  newerSince: number | null;
  /** Its place in the queue for a free transfer: taken when it began to wait, and anew after every transfer. */
  turn: number;
  failures: number;
  notBefore: number;
}

export type OfferOutcome = 'planned' | 'superseded-another' | 'known';

export class ReplicationPlan {
  readonly #entries = new Map<string, Entry>();
  /** Grows with every change: what was derived from the plan may be kept until it does. */
  revision = 0;
  #lastTurn = 0;

  /** Takes a newly accepted version: it is tried at once, whatever the back-off of the one before. */
  offer(key: SnapshotKey, snapshot: { version: number; sha256: string }, now: number): OfferOutcome {
    this.revision += 1;
    const text = keyText(key);
    const entry = this.#entries.get(text);
    if (entry === undefined) {
      this.#entries.set(text, {
        key,
        version: snapshot.version,
        sha256: snapshot.sha256,
        stored: 0,
        sending: null,
        pendingSince: now,
        newerSince: null,
        turn: this.#nextTurn(),
        failures: 0,
        notBefore: now,
      });
      return 'planned';
    }
    if (snapshot.version <= entry.version) return 'known';
    const wasPending = entry.stored < entry.version;
    if (!wasPending) this.#beginToWait(entry, now);
    if (entry.sending !== null) entry.newerSince ??= now;
    const isSuperseding = wasPending && entry.sending !== entry.version;
    entry.version = snapshot.version;
    entry.sha256 = snapshot.sha256;
    entry.failures = 0;
    entry.notBefore = now;
    return isSuperseding ? 'superseded-another' : 'planned';
  }

  /**
   * The transfers that may start now, the longest waiting first, and marks them as under way. A key whose application
   * posts all the time goes to the end of the queue after each transfer, so that it starves no other.
   */
  start(now: number, capacity: number): PlannedTransfer[] {
    const free = capacity - this.underWay();
    if (free <= 0) return [];
    const ready = [...this.#entries.values()]
      .filter((entry) => entry.sending === null && entry.stored < entry.version && entry.notBefore <= now)
      .sort((a, b) => a.turn - b.turn)
      .slice(0, free);
    for (const entry of ready) entry.sending = entry.version;
    return ready.map((entry) => ({ key: entry.key, version: entry.version }));
  }

  /** The peer has this version, or said that it has a newer one. */
  stored(key: SnapshotKey, version: number): void {
    this.revision += 1;
    const entry = this.#entries.get(keyText(key));
    if (entry === undefined) return;
    entry.stored = Math.max(entry.stored, version);
    entry.failures = 0;
    this.#ended(entry);
    if (entry.newerSince !== null) entry.pendingSince = entry.newerSince;
    entry.newerSince = null;
  }

  /**
   * The transfer failed and is tried again not before `retryAt`, unless a newer version came meanwhile.
   * @returns how often it has failed in a row; 0 when a newer version has superseded it, so that it never goes
   */
  failed(key: SnapshotKey, retryAt: (failures: number) => number): number {
    this.revision += 1;
    const entry = this.#entries.get(keyText(key));
    if (entry === undefined) return 0;
    const isSuperseded = entry.sending !== null && entry.sending < entry.version;
    this.#ended(entry);
    entry.newerSince = null;
    if (isSuperseded) return 0;
    entry.failures += 1;
    entry.notBefore = retryAt(entry.failures);
    return entry.failures;
  }

  /**
   * The version that was under way is gone here. Superseded, the newer one waits for its turn; damaged, the key waits
   * for the next offer, which may be of an older version.
   */
  dropped(key: SnapshotKey): void {
    this.revision += 1;
    const entry = this.#entries.get(keyText(key));
    if (entry === undefined) return;
    const isSuperseded = entry.sending !== null && entry.sending < entry.version;
    if (!isSuperseded) {
      this.#entries.delete(keyText(key));
      return;
    }
    this.#ended(entry);
    if (entry.newerSince !== null) entry.pendingSince = entry.newerSince;
    entry.newerSince = null;
  }

  /**
   * Compares with what the peer says it has. Only a version that the peer lost, or that it does not list, goes again:
   * so a receiver that lost its store is refilled, and what it set aside or delivered is never replayed.
   */
  reconcile(rows: readonly PeerRow[], ourName: string, now: number): void {
    this.revision += 1;
    const theirs = new Map(
      rows.map((row) => [keyText({ dataCenter: ourName, workload: row.workload, origin: row.origin }), row]),
    );
    for (const [text, entry] of this.#entries) {
      const row = theirs.get(text);
      // What it lost can be sent again; what it lost and we never had cannot, and it takes nothing older than that.
      const isLacking = row === undefined || (row.fate === 'lost' && row.version <= entry.version);
      const has = isLacking ? 0 : row.version;
      const wasStored = entry.stored >= entry.version;
      if (entry.sending !== null) continue;
      entry.stored = has;
      if (wasStored && entry.stored < entry.version) {
        this.#beginToWait(entry, now);
        entry.notBefore = now;
        entry.failures = 0;
      }
    }
  }

  /** The peer may be reached again after having been away: what waited for a back-off waits no longer. */
  retryAll(now: number): void {
    for (const entry of this.#entries.values()) entry.notBefore = Math.min(entry.notBefore, now);
  }

  /** Whether the peer has this version or a newer one. */
  has(key: SnapshotKey, version: number): boolean {
    return (this.#entries.get(keyText(key))?.stored ?? 0) >= version;
  }

  /** `pending`, `sending` or `stored`, as the application sees it; pending for a key that is not planned. */
  stateOf(key: SnapshotKey): 'pending' | 'sending' | 'stored' {
    const entry = this.#entries.get(keyText(key));
    if (entry === undefined) return 'pending';
    if (entry.stored >= entry.version) return 'stored';
    return entry.sending === null ? 'pending' : 'sending';
  }

  /** Whether this very version is on its way, so that it must not be deleted now. */
  isSending(key: SnapshotKey, version: number): boolean {
    return this.#entries.get(keyText(key))?.sending === version;
  }

  underWay(): number {
    let count = 0;
    for (const entry of this.#entries.values()) if (entry.sending !== null) count += 1;
    return count;
  }

  pending(): number {
    let count = 0;
    for (const entry of this.#entries.values()) if (entry.stored < entry.version) count += 1;
    return count;
  }

  /** When the longest waiting key began to wait, of all or of one workload; null when nothing waits. */
  oldestPendingSince(workload?: string): number | null {
    let oldest: number | null = null;
    for (const entry of this.#entries.values()) {
      if (workload !== undefined && entry.key.workload !== workload) continue;
      if (entry.stored < entry.version && (oldest === null || entry.pendingSince < oldest)) oldest = entry.pendingSince;
    }
    return oldest;
  }

  /** The moment at which a back-off ends and `start` has something again; Infinity when nothing waits. */
  nextStartAt(): number {
    let next = Infinity;
    for (const entry of this.#entries.values()) {
      if (entry.sending === null && entry.stored < entry.version) next = Math.min(next, entry.notBefore);
    }
    return next;
  }

  #beginToWait(entry: Entry, now: number): void {
    entry.pendingSince = now;
    entry.turn = this.#nextTurn();
  }

  #ended(entry: Entry): void {
    entry.sending = null;
    entry.turn = this.#nextTurn();
  }

  #nextTurn(): number {
    this.#lastTurn += 1;
    return this.#lastTurn;
  }

  /** The rows that the peer should list if it has just what we believe; only what it is believed to have at the newest. */
  believed(): { key: SnapshotKey; version: number; sha256: string }[] {
    return [...this.#entries.values()]
      .filter((entry) => entry.stored >= entry.version)
      .map((entry) => ({ key: entry.key, version: entry.version, sha256: entry.sha256 }));
  }
}
