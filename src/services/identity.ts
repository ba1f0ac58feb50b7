import type { Context } from './context.ts';
import type { DurableRecords } from './durable-records.ts';

const RECORD = 'gateway';
/** How long a raised incarnation is kept before another raise, so that two live gateways of one name cannot chase each other. */
const RAISE_PAUSE_MS = 5_000;
/** How far an incarnation that the disk did not take may jump; in milliseconds of the wall clock a quarter of an hour. */
const UNWRITTEN_JUMP = 900_000;

/** Who we are in this run: our incarnation, the count of our messages, and the name that we learned of the unnamed peer. */
export class Identity {
  readonly #context: Context;
  readonly #records: DurableRecords;
  readonly #own = new Set<number>();
  #incarnation = 1;
  /** The incarnation that the record has or is about to have. */
  #reserved = 0;
  #sent = 0;
  #learnedPeer: string | null = null;
  #raisedAt = -Infinity;

  constructor(context: Context, records: DurableRecords) {
    this.#context = context;
    this.#records = records;
  }

  /** Takes a new incarnation and has it durable before anything is sent under it. */
  async load(): Promise<void> {
    const { last, learnedPeer } = parseRecord(await this.#records.read(RECORD));
    this.#learnedPeer = learnedPeer;
    await this.#take(this.#context.rules.nextNumber(last, this.#context.clock.wallMs()));
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  /** The last count that was sent; 0 before the first. */
  get sent(): number {
    return this.#sent;
  }

  get learnedPeer(): string | null {
    return this.#learnedPeer;
  }

  /** Whether something stored under this incarnation was accepted in our present run. */
  isOurs(incarnation: number): boolean {
    return this.#own.has(incarnation);
  }

  nextCount(): number {
    this.#sent += 1;
    return this.#sent;
  }

  /** A peer has heard a newer incarnation of us: our state was lost or the clock went back. Goes above it. */
  async raiseAbove(seen: number): Promise<void> {
    const now = this.#context.clock.now();
    if (seen < this.#incarnation || now - this.#raisedAt < RAISE_PAUSE_MS) return;
    this.#raisedAt = now;
    this.#context.log.warn(
      { incarnation: this.#incarnation, seen },
      'a peer has heard a newer incarnation of this gateway; going above it',
    );
    await this.#take(this.#context.rules.nextNumber(this.#incarnation, this.#context.clock.wallMs(), seen));
  }

  async learn(name: string): Promise<void> {
    this.#learnedPeer = name;
    await this.#save();
  }

  async #take(incarnation: number): Promise<void> {
    this.#reserved = incarnation;
    if (!(await this.#save())) {
      // Not durable, so the next run may be given it again after a clock that went back; a jump keeps the two apart.
      this.#reserved += 1 + Math.floor(this.#context.random() * UNWRITTEN_JUMP);
      await this.#save();
    }
    this.#own.add(this.#reserved);
    this.#incarnation = this.#reserved;
    this.#sent = 0;
  }

  /** Never with a number below one that was reserved: what is written last is what a restart finds. */
  #save(): Promise<boolean> {
    return this.#records.settle(RECORD, { incarnation: this.#reserved, learnedPeer: this.#learnedPeer });
  }
}

function parseRecord(value: unknown): { last: number; learnedPeer: string | null } {
  if (typeof value !== 'object' || value === null) return { last: 0, learnedPeer: null };
  const { incarnation, learnedPeer } = value as { incarnation?: unknown; learnedPeer?: unknown };
  return {
    last: typeof incarnation === 'number' && Number.isSafeInteger(incarnation) ? incarnation : 0,
    learnedPeer: typeof learnedPeer === 'string' ? learnedPeer : null,
  };
}
