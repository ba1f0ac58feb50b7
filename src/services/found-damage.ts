import type { SnapshotKey } from '../core/snapshot.ts';

export interface DamagedVersion {
  /** The name of the store. */
  readonly store: string;
  readonly key: SnapshotKey;
  readonly version: number;
  readonly reason: string;
}

/**
 * What the stores find unusable by themselves, when they are opened and whenever they look again: kept until there is
 * somebody who says it, each once.
 */
export class FoundDamage {
  #waiting: DamagedVersion[] = [];
  #listener: ((damaged: DamagedVersion) => void) | null = null;

  add(damaged: DamagedVersion): void {
    if (this.#listener === null) this.#waiting.push(damaged);
    else this.#listener(damaged);
  }

  /** Tells what was found so far, and from then on whatever is found. */
  follow(listener: (damaged: DamagedVersion) => void): void {
    this.#listener = listener;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const damaged of waiting) listener(damaged);
  }
}
