import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayProcess, Receipt } from '../gateway-process.ts';
import type { HttpAnswer } from '../http-call.ts';
import { late } from '../seen.ts';
import { OriginLedger, type Complaint, type Entry } from './ledger.ts';
import { postsOf, type Post } from './posts.ts';
import type { Seeded } from './seeded.ts';
import { Tally } from './tally.ts';

/** Whatever is broken, the local API answers or its gateway ends. Raised: a hanging one is found later. */
const ANSWER_MS = 60_000;
/** Before a gateway that is away is tried again. */
const AWAY_MS = 100;

/** The application's side of one origin: posts one snapshot after the other, whatever happens to its gateway. */
export class Poster {
  readonly gateway: GatewayProcess;
  readonly ledger: OriginLedger;
  readonly counts: PostCounts;
  readonly #posts: Generator<Post, never>;
  readonly #complain: Complaint;

  constructor(
    gateway: GatewayProcess,
    of: { origin: string; random: Seeded; counts: PostCounts; complain: Complaint },
  ) {
    this.gateway = gateway;
    this.counts = of.counts;
    this.ledger = new OriginLedger(of.origin, (problem) => of.complain(`${gateway.name}: ${problem}`));
    this.#posts = postsOf(of.random);
    this.#complain = of.complain;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const post = this.#posts.next().value;
      const { outcome } = await this.#next(post);
      await pause(outcome === 'absent' ? AWAY_MS : post.pauseMs, signal);
    }
  }

  /** When all is well again: one more is accepted. */
  async goOn(): Promise<void> {
    const { outcome } = await this.#next(this.#posts.next().value);
    if (outcome === 'accepted') return;
    this.#complain(`${this.gateway.name}: ${this.ledger.origin}: with nothing broken any more a post was ${outcome}`);
  }

  async #next(post: Post): Promise<Entry> {
    this.ledger.willPost(post.sha256);
    const entry = await this.#post(post);
    this.ledger.note(entry);
    this.counts.note(entry);
    return entry;
  }

  async #post(post: Post): Promise<Entry> {
    const { sha256, body } = post;
    const entry = { sha256, bytes: body.length, version: null };
    const over = new AbortController();
    try {
      const query = post.waitSeconds === null ? '' : `?wait=replicated&timeout=${post.waitSeconds}`;
      const posted = this.gateway.put(this.ledger.origin, body, query);
      const answer = await Promise.race([posted, late('an answer to a post', ANSWER_MS, over.signal)]);
      return { ...entry, ...this.#judge(answer, post) };
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'ECONNREFUSED') return { ...entry, outcome: 'absent' };
      if (code !== 'ECONNRESET' && code !== 'EPIPE' && code !== 'ECONNABORTED') {
        this.#complain(`${this.gateway.name}: posting ${this.ledger.origin}: ${String(error)}`);
      }
      return { ...entry, outcome: 'uncertain' };
    } finally {
      over.abort();
    }
  }

  #judge(answer: HttpAnswer, { sha256, body, waitSeconds }: Post): Pick<Entry, 'outcome' | 'version'> {
    const isWaiting = waitSeconds !== null;
    if (answer.status === (isWaiting ? 200 : 202)) {
      const receipt = answer.json() as Receipt & { sha256: string; bytes: number };
      if (receipt.sha256 !== sha256 || receipt.bytes !== body.length) {
        this.#complain(`${this.gateway.name}: ${this.ledger.origin} was accepted as other bytes than were posted`);
      }
      if (isWaiting) this.counts.codes.add('200 replicated in time');
      return { outcome: 'accepted', version: receipt.version };
    }
    const { type = '' } = answer.json() as { type?: string };
    this.counts.codes.add(`${answer.status} ${type.split(':').at(-1) ?? ''}`);
    // It stays queued: only its number was not told.
    if (isWaiting && answer.status === 504) return { outcome: 'accepted', version: null };
    return { outcome: 'refused', version: null };
  }
}

/** What all posts together came to. */
export class PostCounts {
  readonly outcomes = new Tally();
  readonly codes = new Tally();
  posts = 0;
  withdrawals = 0;
  acceptedBytes = 0;

  note({ outcome, bytes }: Entry): void {
    this.outcomes.add(outcome);
    // Nobody was there to be asked.
    if (outcome === 'absent') return;
    this.posts += 1;
    if (bytes === 0) this.withdrawals += 1;
    if (outcome === 'accepted') this.acceptedBytes += bytes;
  }
}

/** Less when the signal comes. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
