import type { Readable } from 'node:stream';
import { Pool } from 'undici';
import type { Failed, InventoryOutcome, Refused, TransferOutcome } from '../../ports/peer-transport.ts';
import { envelopeHeaders, HEADER, type SnapshotEnvelope } from '../../wire/snapshot-headers.ts';
import { sign, type OutgoingRequest } from './authentication.ts';
import { readBounded } from './bounded-body.ts';
import { linkedAbort } from './linked-signal.ts';
import { parseMachine } from './machine-address.ts';
import { addressAttemptMs, INVENTORY_MAX_BYTES, MESSAGE_MAX_BYTES, type LineOptions } from './options.ts';
import { errorOutcome, failed, inventoryOutcome, transferOutcome, type Answer } from './outcomes.ts';
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
  readonly #pool: Pool;
  #isClosed = false;

  constructor(machine: string, options: LineOptions) {
    this.#options = options;
    this.#pool = new Pool(parseMachine(machine).origin, {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
      connect: { timeout: options.connectionTimeoutMs },
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: addressAttemptMs(options.connectionTimeoutMs),
    });
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
      outgoing: { method: 'PUT', path, headers: envelopeHeaders(envelope) },
      body: feed,
      maxAnswerBytes: MESSAGE_MAX_BYTES,
    } as const;
    try {
      signal.throwIfAborted();
      return transferOutcome(await this.#call(call, watchdog, controller.signal, answer));
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
    const outgoing = { method: 'GET', path: SNAPSHOTS_PATH, headers: { [HEADER.dataCenter]: dataCenter } } as const;
    try {
      const call = { outgoing, body: null, maxAnswerBytes: INVENTORY_MAX_BYTES };
      return inventoryOutcome(await this.#call(call, watchdog, controller.signal, answer));
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

  #watchdog(controller: AbortController): Watchdog {
    const watchdog = new Watchdog(this.#options.clock, () => controller.abort(new Ended('Nothing moved any more.')));
    watchdog.arm(this.#options.connectionTimeoutMs + this.#options.readTimeoutMs);
    return watchdog;
  }

  async #call(call: Call, watchdog: Watchdog, signal: AbortSignal, progress: { hasBegun: boolean }): Promise<Answer> {
    const { method, path } = call.outgoing;
    const headers = sign(call.outgoing);
    // The library takes any AsyncIterable, and reads it with the backpressure that we want; its types do not say so.
    const body = call.body as unknown as Readable | null;
    const response = await this.#pool.request({ method, path, headers, body, signal });
    progress.hasBegun = true;
    const onProgress = (): void => watchdog.arm(this.#options.readTimeoutMs);
    onProgress();
    return { status: response.statusCode, body: await readBounded(response.body, call.maxAnswerBytes, onProgress) };
  }

  #outcomeOf(error: unknown, ours: AbortSignal, isConnected: boolean): Refused | Failed {
    if (ours.reason instanceof Ended) return failed('timeout', ours.reason.message);
    if (this.#isClosed) return failed('interrupted', 'The transport was closed.');
    return errorOutcome(error, isConnected);
  }
}
