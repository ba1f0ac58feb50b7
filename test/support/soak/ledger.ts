/** What became of a post: `uncertain` when the gateway was gone before it answered, `absent` when it was not reached. */
export type Outcome = 'accepted' | 'refused' | 'uncertain' | 'absent';

export interface Entry {
  readonly sha256: string;
  /** 0: a withdrawal. */
  readonly bytes: number;
  readonly outcome: Outcome;
  /** null: it was not told. */
  readonly version: number | null;
}

/** Something that must not be. */
export type Complaint = (problem: string) => void;

/** Everything that was posted of one origin to one gateway, in its order: one post at a time. */
export class OriginLedger {
  readonly origin: string;
  readonly #entries: Entry[] = [];
  readonly #digests = new Map<string, number>();
  readonly #complain: Complaint;
  #newestVersion = 0;

  constructor(origin: string, complain: Complaint) {
    this.origin = origin;
    this.#complain = complain;
  }

  /** Before it is sent: whoever reads it back early finds that it was posted. */
  willPost(sha256: string): void {
    this.#digests.set(sha256, this.#entries.length);
  }

  note(entry: Entry): void {
    this.#entries.push(entry);
    if (entry.version === null) return;
    if (entry.version <= this.#newestVersion) {
      this.#complain(`${this.origin}: version ${entry.version} was given after version ${this.#newestVersion}`);
    }
    this.#newestVersion = entry.version;
  }

  /** Whether somebody may read these bytes under this name. */
  wasPosted(sha256: string): boolean {
    return this.#digests.has(sha256);
  }

  get hasAccepted(): boolean {
    return this.#entries.some(({ outcome }) => outcome === 'accepted');
  }

  /** @returns why the snapshot may not be the newest in the end; null when it may */
  problemWith(found: {
    readonly sha256: string;
    readonly version: number;
    readonly isWithdrawn: boolean;
  }): string | null {
    const lastAccepted = this.#entries.findLastIndex(({ outcome }) => outcome === 'accepted');
    const possible = this.#entries.filter(
      (entry, i) => i >= lastAccepted && (entry.outcome === 'accepted' || entry.outcome === 'uncertain'),
    );
    const entry = possible.find(
      ({ sha256, version, bytes }) =>
        sha256 === found.sha256 && (bytes === 0) === found.isWithdrawn && (version ?? found.version) === found.version,
    );
    if (entry !== undefined) return null;
    const known = this.#entries.findLastIndex(({ sha256 }) => sha256 === found.sha256);
    const what =
      known < 0
        ? 'which was never posted'
        : `which was post ${known + 1} of ${this.#entries.length} (${this.#entries[known]?.outcome ?? ''})`;
    const accepted = this.#entries[lastAccepted];
    return `version ${found.version}, ${what}; the last that was accepted is post ${lastAccepted + 1}, version ${accepted?.version ?? 'unknown'}`;
  }
}
