import type { Readable } from 'node:stream';
import { Pool } from 'undici';
import type { Failed, InventoryOutcome, Refused, TransferOutcome } from '../../ports/peer-transport.ts';
import { envelopeHeaders, HEADER, type SnapshotEnvelope } from '../../wire/snapshot-headers.ts';
import { base64urlOfHex, sha256Base64url } from '../../wire/tokens.ts';
import type { GivenAnswer } from '../peer-auth/peer-link.ts';
import type { OutgoingRequest } from '../peer-auth/token-authority.ts';
import { readBounded } from './bounded-body.ts';
import { linkedAbort } from './linked-signal.ts';
import { parseMachine, type MachineAddress } from './machine-address.ts';
import { addressAttemptMs, INVENTORY_MAX_BYTES, MESSAGE_MAX_BYTES, type LineOptions } from './options.ts';
import { claimedName, errorOutcome, failed, inventoryOutcome, transferOutcome } from './outcomes.ts';
import { snapshotPath, SNAPSHOTS_PATH } from './paths.ts';
import { SnapshotFeed } from './snapshot-feed.ts';
import { Watchdog } from './watchdog.ts';

/** A connection that lay idle longer is not trusted with a body that can be sent only once. */
const IDLE_MS = 4000;

class Ended extends Error {}

interface Call {
  readonly outgoing: OutgoingRequest;
  readonly body: SnapshotFeed | null;
  readonly maxAnswerBytes: number;
}

/**
 * The connections on which snapshots and inventories travel to one machine. They share nothing with its messages.
 *
 * The library's own timeouts are off: they bound either the whole answer or nothing while the body is on its way. What
 * is bounded here is the time in which nothing moves, so that a large snapshot may take as long as its line needs.
 */
export class SnapshotLine {
  readonly #options: LineOptions;
  readonly #address: MachineAddress;
  #pool: Pool;
  /** Of the trust under which the pool's connections were made. */
  #generation: number;
  #isClosed = false;

  constructor(machine: string, options: LineOptions) {
    this.#options = options;
    this.#address = parseMachine(machine);
    this.#generation = options.link.trust.generation;
    this.#pool = this.#makePool();
  }

  /** @throws the signal's reason when it is aborted; else nothing that a network, a peer or the content can cause */
  async send(
    envelope: SnapshotEnvelope,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<TransferOutcome> {
    const { controller, unlink } = linkedAbort(signal);
    const watchdog = this.#watchdog(controller);
    const answer = { hasBegun: false };
    const feed = new SnapshotFeed(content, envelope.description.bytes, {
      // A slow disk of ours is not the network's fault; once the answer has begun, only the answer is watched.
      onTaken: () => answer.hasBegun || watchdog.disarm(),
      onHandedOver: () => answer.hasBegun || watchdog.arm(this.#options.readTimeoutMs),
    });
    const path = snapshotPath(envelope.origin);
    const call = {
      outgoing: {
        method: 'PUT',
        path,
        headers: envelopeHeaders(envelope),
        bodyDigest: base64urlOfHex(envelope.description.sha256),
      },
      body: feed,
      maxAnswerBytes: MESSAGE_MAX_BYTES,
    } as const;
    try {
      signal.throwIfAborted();
      const given = await this.#call(call, watchdog, controller.signal, answer);
      return 'kind' in given ? given : transferOutcome(given);
    } catch (error) {
      signal.throwIfAborted();
      if (feed.failure !== undefined)
        return failed('interrupted', `The snapshot could not be read: ${feed.failure.message}`);
      return this.#outcomeOf(error, controller.signal, answer.hasBegun || feed.isStarted);
    } finally {
      watchdog.stop();
      unlink();
      await feed.close();
    }
  }

  /** @throws the signal's reason when it is aborted */
  async inventory(dataCenter: string, signal: AbortSignal): Promise<InventoryOutcome> {
    signal.throwIfAborted();
    const { controller, unlink } = linkedAbort(signal);
    const watchdog = this.#watchdog(controller);
    const answer = { hasBegun: false };
    const headers = { [HEADER.dataCenter]: dataCenter };
    const outgoing = { method: 'GET', path: SNAPSHOTS_PATH, headers, bodyDigest: sha256Base64url('') } as const;
    try {
      const call = { outgoing, body: null, maxAnswerBytes: INVENTORY_MAX_BYTES };
      const given = await this.#call(call, watchdog, controller.signal, answer);
      return 'kind' in given ? given : inventoryOutcome(given);
    } catch (error) {
      signal.throwIfAborted();
      return this.#outcomeOf(error, controller.signal, answer.hasBegun);
    } finally {
      watchdog.stop();
      unlink();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#pool.destroy();
  }

  #makePool(): Pool {
    const { connectionTimeoutMs: timeout, link } = this.#options;
    const { tls } = link.trust;
    const { checkServerIdentity } = link;
    // A resumed session would not show its certificate again.
    const secure = { secureContext: tls?.clientContext, checkServerIdentity, maxCachedSessions: 0 };
    return new Pool(`${tls === null ? 'http' : 'https'}://${this.#address.authority}`, {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
      connect: tls === null ? { timeout } : { timeout, ...secure },
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: addressAttemptMs(timeout),
    });
  }

  /** After a change of certificates what is under way ends on its connection, and the next takes a new one. */
  #followTrust(): void {
    const { generation } = this.#options.link.trust;
    if (generation === this.#generation) return;
    this.#generation = generation;
    void this.#pool.close().catch(() => undefined);
    this.#pool = this.#makePool();
  }

  #watchdog(controller: AbortController): Watchdog {
    const watchdog = new Watchdog(this.#options.clock, () => controller.abort(new Ended('Nothing moved any more.')));
    watchdog.arm(this.#options.connectionTimeoutMs + this.#options.readTimeoutMs);
    return watchdog;
  }

  async #call(
    call: Call,
    watchdog: Watchdog,
    signal: AbortSignal,
    progress: { hasBegun: boolean },
  ): Promise<GivenAnswer | Refused | Failed> {
    const { link } = this.#options;
    const { method, path } = call.outgoing;
    const { headers, token } = await link.sign(call.outgoing);
    this.#followTrust();
    // The library takes any AsyncIterable, and reads it with the backpressure that we want; its types do not say so.
    const sent = call.body as unknown as Readable | null;
    const response = await this.#pool.request({ method, path, headers, body: sent, signal });
    progress.hasBegun = true;
    const onProgress = (): void => watchdog.arm(this.#options.readTimeoutMs);
    onProgress();
    const body = await readBounded(response.body, call.maxAnswerBytes, onProgress);
    const answer = { status: response.statusCode, body, headers: response.headers };
    const refusal = await link.check(answer, token, claimedName(answer));
    if (refusal !== null) return refusal;
    // A content is read once: it is sent again with the next attempt, whose token is for the challenge just heard.
    return link.wantsAnother(answer) ? failed('interrupted', 'The peer was started anew.') : answer;
  }

  #outcomeOf(error: unknown, ours: AbortSignal, isConnected: boolean): Refused | Failed {
    if (ours.reason instanceof Ended) return failed('timeout', ours.reason.message);
    if (this.#isClosed) return failed('interrupted', 'The transport was closed.');
    return errorOutcome(error, isConnected);
  }
}
