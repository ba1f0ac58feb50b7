import * as http from 'node:http';
import * as https from 'node:https';
import { TLSSocket } from 'node:tls';
import type { MessageOutcome } from '../../ports/peer-transport.ts';
import { readBounded } from './bounded-body.ts';
import { linkedAbort } from './linked-signal.ts';
import { parseMachine, type MachineAddress } from './machine-address.ts';
import { addressAttemptMs, MESSAGE_MAX_BYTES, type LineOptions } from './options.ts';
import { claimedName, codeOf, errorOutcome, failed, messageOutcome, refused } from './outcomes.ts';
import { sha256Base64url } from '../../wire/tokens.ts';
import type { GivenAnswer, SignedRequest } from '../peer-auth/peer-link.ts';
import { MESSAGES_PATH } from './paths.ts';
import { Watchdog } from './watchdog.ts';

/** Two idle connections suffice for a beat that overtakes another; more would only be more that can be dead. */
const IDLE_MAX = 2;
/** An unanswered message is overdue after this many of the last round trips, and never before the minimum. */
const OVERDUE_ROUND_TRIPS = 4;
const OVERDUE_MIN_MS = 50;

/** Why we ended a message ourselves. */
class Ended extends Error {
  readonly reason: 'timeout' | 'interrupted';

  constructor(reason: 'timeout' | 'interrupted', message: string) {
    super(message);
    this.reason = reason;
  }
}

/** A failed attempt, and whether the message may be tried once more at once. */
class AttemptFailed extends Error {
  readonly wasDeadIdleConnection: boolean;
  readonly hadBegun: boolean;

  constructor(cause: unknown, how: { wasDeadIdleConnection: boolean; hadBegun: boolean }) {
    super('The attempt failed.', { cause });
    this.wasDeadIdleConnection = how.wasDeadIdleConnection;
    this.hadBegun = how.hadBegun;
  }
}

interface UnderWay {
  readonly since: number;
  readonly controller: AbortController;
}

/**
 * The connections on which messages go to one machine; no snapshot ever travels on them. Every message takes an idle
 * connection or a new one, none waits for another.
 *
 * Bytes that were written into a line that is cut sit in the kernel's retransmission, whose next try may be minutes
 * away when the line heals. Therefore the bound is kept by destroying the oldest, never by holding back the newest: a
 * fresh SYN leaves with every beat.
 */
export class MessageLine {
  readonly #address: MachineAddress;
  readonly #options: LineOptions & { readonly maxUnderWay: number };
  #agent: http.Agent;
  /** Of the trust under which the agent's connections were made. */
  #generation: number;
  /** In the order in which they were sent. */
  readonly #underWay = new Set<UnderWay>();
  #lastRttMs = 0;
  #isClosed = false;

  constructor(machine: string, options: LineOptions & { readonly maxUnderWay: number }) {
    this.#address = parseMachine(machine);
    this.#options = options;
    this.#generation = options.link.trust.generation;
    this.#agent = this.#makeAgent();
  }

  /**
   * @param body the message as JSON
   * @throws the signal's reason when it is aborted, nothing else
   */
  async send(body: string, signal: AbortSignal): Promise<MessageOutcome> {
    signal.throwIfAborted();
    if (this.#isClosed) return failed('interrupted', 'The transport is closed.');
    this.#makeRoom();
    const { controller, unlink } = linkedAbort(signal);
    const underWay = { since: this.#options.clock.now(), controller };
    this.#underWay.add(underWay);
    const watchdog = new Watchdog(this.#options.clock, () =>
      controller.abort(new Ended('timeout', 'It did not answer in time.')),
    );
    try {
      return await this.#sendOnce(body, watchdog, controller.signal).catch((error: unknown) => {
        if (!(error instanceof AttemptFailed) || !error.wasDeadIdleConnection || controller.signal.aborted) throw error;
        // The peer was restarted, most likely, and its other idle connections died with this one.
        this.#dropIdle();
        return this.#sendOnce(body, watchdog, controller.signal);
      });
    } catch (error) {
      signal.throwIfAborted();
      const reason: unknown = controller.signal.reason;
      if (reason instanceof Ended) return failed(reason.reason, reason.message);
      if (!(error instanceof AttemptFailed)) throw error;
      return errorOutcome(error.cause, error.hadBegun);
    } finally {
      watchdog.stop();
      unlink();
      this.#underWay.delete(underWay);
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const { controller } of this.#underWay)
      controller.abort(new Ended('interrupted', 'The transport was closed.'));
    this.#agent.destroy();
  }

  #makeRoom(): void {
    const [oldest] = this.#underWay;
    if (oldest === undefined) return;
    if (this.#underWay.size >= this.#options.maxUnderWay) {
      this.#underWay.delete(oldest);
      oldest.controller.abort(new Ended('timeout', 'It was not answered, and gave way to newer messages.'));
    }
    // Whatever holds up an earlier message may have killed the idle connections as well, silently.
    const overdueMs = Math.max(OVERDUE_MIN_MS, OVERDUE_ROUND_TRIPS * this.#lastRttMs);
    if (this.#options.clock.now() - oldest.since > overdueMs) this.#dropIdle();
  }

  #dropIdle(): void {
    for (const sockets of Object.values(this.#agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }

  #makeAgent(): http.Agent {
    const { connectionTimeoutMs, link } = this.#options;
    const common = {
      keepAlive: true,
      maxFreeSockets: IDLE_MAX,
      scheduling: 'lifo' as const,
      noDelay: true,
      autoSelectFamilyAttemptTimeout: addressAttemptMs(connectionTimeoutMs),
    };
    const { tls } = link.trust;
    if (tls === null) return new http.Agent(common);
    const { checkServerIdentity } = link;
    // A resumed session would not show its certificate again.
    return new https.Agent({ ...common, maxCachedSessions: 0, secureContext: tls.clientContext, checkServerIdentity });
  }

  /** After a change of certificates nothing new leaves on a connection that was made under the old ones. */
  #followTrust(): void {
    const { generation } = this.#options.link.trust;
    if (generation === this.#generation) return;
    this.#generation = generation;
    this.#dropIdle();
    // What is under way on it ends there, and its connections with it.
    this.#agent.maxFreeSockets = 0;
    this.#agent = this.#makeAgent();
  }

  /** A token that the peer no longer takes is made anew once: the peer was started anew, most likely. */
  async #sendOnce(body: string, watchdog: Watchdog, signal: AbortSignal, isSecond = false): Promise<MessageOutcome> {
    const { link, clock } = this.#options;
    const headers = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) };
    const bodyDigest = sha256Base64url(body);
    const signed = await link.sign({ method: 'POST', path: MESSAGES_PATH, headers, bodyDigest });
    const sentAt = clock.now();
    const answer = await this.#attempt({ body, signed }, watchdog, signal);
    const rttMs = clock.now() - sentAt;
    this.#lastRttMs = rttMs;
    const refusal = await link.check(answer, signed.token, claimedName(answer));
    if (refusal !== null) return refusal;
    if (!isSecond && link.wantsAnother(answer)) return this.#sendOnce(body, watchdog, signal, true);
    const outcome = messageOutcome(answer, rttMs);
    const isOther = outcome.kind === 'answered' && link.trust.isRequired;
    if (isOther && outcome.answer.dataCenterOrigin !== claimedName(answer))
      return refused('wrong-data-center', 'The answer bears two names.');
    return outcome;
  }

  #attempt(
    { body, signed }: { readonly body: string; readonly signed: SignedRequest },
    watchdog: Watchdog,
    signal: AbortSignal,
  ): Promise<GivenAnswer> {
    const { host, port } = this.#address;
    this.#followTrust();
    const { request } = this.#options.link.trust.tls === null ? http : https;
    const outgoing = { method: 'POST', path: MESSAGES_PATH, headers: signed.headers } as const;
    return new Promise((resolve, reject) => {
      watchdog.arm(this.#options.connectionTimeoutMs);
      const req = request({ ...outgoing, host, port, agent: this.#agent, signal });
      let response: http.IncomingMessage | undefined;
      let bytesBefore = 0;
      const fail = (error: unknown): void => {
        const hadBegun = response !== undefined || (req.socket?.bytesRead ?? 0) > bytesBefore;
        const isReset = ['ECONNRESET', 'EPIPE'].includes(codeOf(error));
        reject(new AttemptFailed(error, { hadBegun, wasDeadIdleConnection: req.reusedSocket && !hadBegun && isReset }));
      };
      req.once('socket', (socket) => {
        bytesBefore = socket.bytesRead;
        const onConnected = (): void => watchdog.arm(this.#options.readTimeoutMs);
        const event = socket instanceof TLSSocket ? 'secureConnect' : 'connect';
        if (socket.connecting) socket.once(event, onConnected);
        else onConnected();
      });
      req.once('response', (incoming) => {
        response = incoming;
        readBounded(incoming, MESSAGE_MAX_BYTES).then((content) => {
          resolve({ status: incoming.statusCode ?? 0, body: content, headers: incoming.headers });
        }, fail);
      });
      req.once('upgrade', (_incoming, socket) => {
        // Nobody asked for another protocol: whatever this is, it is no gateway.
        socket.destroy();
        resolve({ status: 101, body: new Uint8Array(0), headers: {} });
      });
      req.on('error', fail);
      req.once('close', () => {
        if (response === undefined) fail(new Error('The connection was closed without an answer.'));
      });
      req.end(body);
    });
  }
}
