import { GatewayError, messageOf } from '../errors.ts';
import type { MessageOutcome } from '../ports/peer-transport.ts';
import { SECOND_MS } from '../units.ts';
import type { Ask, Reply } from '../wire/ownership.ts';
import type { Context } from './context.ts';
import type { Peer } from './peer.ts';
import { bounded } from './wake.ts';

/** How long an answer is waited for, in all. */
const ANSWER_MS = 10 * SECOND_MS;
const RETRY_MS = 250;
/** Replies that are kept, so that an ask whose answer was lost gets the same one again. */
const REPLIES_KEPT = 64;

export type Handler = (peer: Peer, ask: Ask) => Promise<Reply>;

/** What one gateway asks of another, carried by a heartbeat: nothing is done twice, whatever the line does. */
export class Asks {
  readonly #context: Context;
  readonly #send: (peer: Peer, ask: Ask, signal: AbortSignal) => Promise<MessageOutcome>;
  readonly #replies = new Map<string, Promise<Reply>>();
  #lastId = 0;
  handlers: Readonly<Record<Ask['kind'], Handler>> | null = null;

  constructor(context: Context, send: (peer: Peer, ask: Ask, signal: AbortSignal) => Promise<MessageOutcome>) {
    this.#context = context;
    this.#send = send;
  }

  /** An id that no other ask of ours has, in this run or another. */
  nextId(): string {
    const { clock, rules, settings } = this.#context;
    this.#lastId = rules.nextNumber(this.#lastId, clock.wallMs());
    return `${settings.dataCenter}-${this.#lastId}`;
  }

  /**
   * Asks until it is answered, for some seconds.
   * @throws GatewayError `peer-unavailable` when no answer came; the peer's own error when it refused
   */
  async ask(peer: Peer, ask: Ask, signal: AbortSignal): Promise<Exclude<Reply, { kind: 'failed' }>> {
    const { clock } = this.#context;
    const bound = bounded(signal, this.#context.tasks.signal);
    const timer = clock.sleep(ANSWER_MS, bound.signal).then(bound.end);
    let problem = 'no answer came';
    try {
      while (!bound.signal.aborted) {
        const outcome = await this.#send(peer, ask, bound.signal);
        if (outcome.kind === 'answered') {
          const { reply } = outcome.answer;
          if (reply?.id === ask.id) return answered(peer, reply);
          problem = 'it does not know of such requests, or took the message for a late one';
        } else if (outcome.kind !== 'stale') {
          problem = `${outcome.reason}: ${outcome.detail}`;
        }
        await clock.sleep(RETRY_MS, bound.signal);
      }
    } finally {
      bound.end();
      await timer;
    }
    throw new GatewayError('peer-unavailable', `"${peer.label}" (${peer.health.state}) did not answer: ${problem}.`, {
      facts: { peer: peer.label },
    });
  }

  /** Answers an ask; the same one again with the same words. */
  receive(peer: Peer, ask: Ask): Promise<Reply> {
    const key = `${peer.label} ${ask.id}`;
    const known = this.#replies.get(key);
    if (known !== undefined) return known;
    const reply = this.#handle(peer, ask);
    this.#replies.set(key, reply);
    const [oldest] = this.#replies.keys();
    if (this.#replies.size > REPLIES_KEPT && oldest !== undefined) this.#replies.delete(oldest);
    return reply;
  }

  async #handle(peer: Peer, ask: Ask): Promise<Reply> {
    try {
      if (this.handlers === null) throw new GatewayError('shutting-down', 'The gateway is not ready for requests.');
      return await this.handlers[ask.kind](peer, ask);
    } catch (error) {
      const code = error instanceof GatewayError ? error.code : 'internal';
      if (code === 'internal')
        this.#context.log.error(
          { peer: peer.label, ask: ask.kind, error: messageOf(error) },
          'a request of a peer failed',
        );
      const detail =
        error instanceof GatewayError ? error.message.slice(0, 900) : 'The log of that gateway has the cause.';
      return { kind: 'failed', id: ask.id, code, detail };
    }
  }
}

function answered(peer: Peer, reply: Reply): Exclude<Reply, { kind: 'failed' }> {
  if (reply.kind !== 'failed') return reply;
  const code = reply.code === 'not-found' || reply.code === 'shutting-down' ? reply.code : 'peer-unavailable';
  throw new GatewayError(code, `"${peer.label}" says: ${reply.detail}`, { facts: { peer: peer.label } });
}
