import type { Move } from '../core/move.ts';
import type { Context } from './context.ts';
import type { OwnershipTable } from './ownership-table.ts';
import type { OwnSnapshots } from './own-snapshots.ts';
import type { Peer } from './peer.ts';
import type { PeerDirectory } from './peer-directory.ts';
import { bounded, Broadcast } from './wake.ts';

interface Parts {
  readonly table: OwnershipTable;
  readonly peers: PeerDirectory;
  readonly own: OwnSnapshots;
}

/** Ends a move before its commit; what it says is shown to the operator. */
export class RollBack extends Error {}

/**
 * Waits for what the next step of a move needs, and watches meanwhile what every step rests on: that the work is still
 * ours to give away, and that its target is there to take it.
 */
export class MoveWatch {
  readonly #context: Context;
  readonly #parts: Parts;
  readonly #changed = new Broadcast();
  readonly #calledOff = new AbortController();

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Something came that a move may be waiting for: whoever waits looks again. What is stored at a peer needs no call. */
  notify(): void {
    this.#changed.notify();
  }

  /** Every move is rolled back that is not decided yet. @param reason what its history says */
  callOff(reason: string): void {
    this.#calledOff.abort(reason);
    this.notify();
  }

  /** For what a move waits for elsewhere: over when it is not to go on. */
  get calledOff(): AbortSignal {
    return this.#calledOff.signal;
  }

  /** @throws RollBack when it is no peer of ours */
  target(move: Move): Peer {
    const peer = this.#parts.peers.find(move.to);
    if (peer === undefined) throw new RollBack(`"${move.to}" is no peer any more`);
    return peer;
  }

  /**
   * @returns whether the condition came true within the time
   * @throws RollBack when the move cannot go on, and whatever the condition throws
   */
  async until(move: Move, ms: number, signal: AbortSignal, condition: () => boolean): Promise<boolean> {
    const { clock } = this.#context;
    const deadline = clock.now() + ms;
    while (!signal.aborted) {
      this.#assertMayGoOn(move);
      if (condition()) return true;
      const left = deadline - clock.now();
      if (left <= 0) return false;
      const bound = bounded(signal);
      await Promise.race([
        this.#changed.next(bound.signal),
        this.#parts.own.progress.next(bound.signal),
        clock.sleep(left, bound.signal),
      ]);
      bound.end();
    }
    return false;
  }

  #assertMayGoOn(move: Move): void {
    if (this.calledOff.aborted) throw new RollBack(String(this.calledOff.reason));
    const { state } = this.target(move).health;
    const { owner, epoch } = this.#parts.table.row(move.workload);
    if (owner !== move.from) throw new RollBack(`"${owner}" owns it now (epoch ${epoch})`);
    // Not heard yet after our own start: its time is bounded by whoever waits.
    if (state === 'down' || state === 'left') throw new RollBack(`"${move.to}" is ${state}`);
  }
}
