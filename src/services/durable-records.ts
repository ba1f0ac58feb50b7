import { backoffMs } from '../core/backoff.ts';
import type { Records } from '../ports/records.ts';
import { SECOND_MS } from '../units.ts';
import type { Context } from './context.ts';
import { inventoryDigest as textDigest } from './inventory-digest.ts';
import { hangs } from './patience.ts';
import type { StoreWatch } from './store-watch.ts';
import { Wake } from './wake.ts';

/**
 * Records that are written in the end. A verdict must not wait for a full disk: `settle` says when the record could
 * not be written, keeps the newest value, and writes it as soon as the disk takes it.
 */
export class DurableRecords {
  readonly #context: Context;
  readonly #records: Records;
  readonly #watch: StoreWatch;
  /** `order`: of two values of one name the greater is the newer, whichever of them hung for longer. */
  readonly #unwritten = new Map<string, { readonly value: unknown; readonly order: number }>();
  #order = 0;
  /** How many writes of a name are under way: each is newer than what could not be written before. */
  readonly #underWay = new Map<string, number>();
  readonly #wake = new Wake();

  constructor(context: Context, records: Records, watch: StoreWatch) {
    this.#context = context;
    this.#records = records;
    this.#watch = watch;
  }

  start(): void {
    this.#context.tasks.run('write what could not be written', (signal) => this.#retry(signal));
  }

  read(name: string): Promise<unknown> {
    return this.#records.read(name);
  }

  list(folder: string): Promise<string[]> {
    return this.#records.list(folder);
  }

  /** Writes now or throws, for a caller that can be told. @throws GatewayError `store-full`, `store-unavailable` */
  write(name: string, value: unknown): Promise<void> {
    return this.#write(name, value, this.#nextOrder());
  }

  async #write(name: string, value: unknown, order: number): Promise<void> {
    this.#underWay.set(name, (this.#underWay.get(name) ?? 0) + 1);
    try {
      await this.#records.write(name, value);
      // What could not be written since is newer, and still has to be.
      if (this.#orderOf(name) <= order) this.#unwritten.delete(name);
      this.#watch.worked('state');
      // The disk takes something again: what waited for that waits no longer for its pause to end.
      if (this.#unwritten.size > 0) this.#wake.ring();
    } catch (error) {
      this.#watch.failed('state', error);
      throw error;
    } finally {
      const left = (this.#underWay.get(name) ?? 1) - 1;
      if (left === 0) this.#underWay.delete(name);
      else this.#underWay.set(name, left);
    }
  }

  /** Writes now or, when that fails or hangs, later. False: it is not durable yet. */
  async settle(name: string, value: unknown): Promise<boolean> {
    const outcome = { isWritten: false };
    const order = this.#nextOrder();
    const written = this.#write(name, value, order).then(
      () => {
        outcome.isWritten = true;
      },
      () => undefined,
    );
    await this.inTime(written);
    if (outcome.isWritten) return true;
    if (this.#orderOf(name) < order) this.#unwritten.set(name, { value, order });
    this.#wake.ring();
    return false;
  }

  async remove(name: string): Promise<void> {
    this.#unwritten.delete(name);
    const removed = this.#records.remove(name).catch((error: unknown) => {
      // A record that is left over is read again at the next start and removed then.
      this.#watch.failed('state', error);
    });
    await this.inTime(removed);
  }

  #nextOrder(): number {
    this.#order += 1;
    return this.#order;
  }

  /** Of what could not be written of the name; 0 when there is none. */
  #orderOf(name: string): number {
    return this.#unwritten.get(name)?.order ?? 0;
  }

  /**
   * Waits for writes of records as long as one has that does not hang.
   * @returns false when they still go on, which has been said then. @throws what they throw in time
   */
  async inTime(work: Promise<unknown>): Promise<boolean> {
    if (await this.#context.patience.inTime(work)) return true;
    this.#watch.failed('state', hangs('state folder'));
    return false;
  }

  async #retry(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      const wait =
        failures === 0
          ? Infinity
          : backoffMs(failures, { firstMs: 500, mostMs: 10 * SECOND_MS }, this.#context.random());
      if (this.#unwritten.size === 0 || failures > 0) await this.#wake.wait(this.#context.clock, wait, signal);
      let failed = false;
      for (const name of [...this.#unwritten.keys()]) {
        // While we wrote another one it may have been written, or something newer is on its way: never write it back.
        const unwritten = this.#unwritten.get(name);
        if (unwritten === undefined) continue;
        if (this.#underWay.has(name)) {
          failed = true;
          continue;
        }
        try {
          await this.#write(name, unwritten.value, unwritten.order);
        } catch {
          failed = true;
          break;
        }
      }
      failures = failed ? failures + 1 : 0;
    }
  }
}

/** How long a segment of a record's name may be (ports/records.ts). */
const SEGMENT_MOST = 120;

/**
 * A record's name for any text: letters, digits and a few signs as they are, everything else as its code in hexadecimal;
 * of one that would be too long, as of a name of many capitals, the digest.
 */
export function recordSegment(text: string): string {
  const segment = text.replace(/[^a-z0-9-]/g, (char) => `_${(char.codePointAt(0) ?? 0).toString(16)}_`);
  return segment.length <= SEGMENT_MOST ? segment : `sha256-${textDigest(text)}`;
}
