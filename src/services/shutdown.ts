import { GatewayError } from '../errors.ts';
import { SECOND_MS } from '../units.ts';
import type { Context } from './context.ts';
import type { EventHub } from './event-hub.ts';
import type { Heartbeats } from './heartbeats.ts';
import type { OwnSnapshots } from './own-snapshots.ts';
import type { PeerDirectory } from './peer-directory.ts';
import type { SnapshotRequests } from './snapshot-requests.ts';
import { bounded } from './wake.ts';

/** How long an orderly shutdown waits for snapshots that peers which are up still lack. */
const FLUSH_MS = 30 * SECOND_MS;

export type ShutdownKind = 'orderly' | 'stop';

/**
 * The way out. `orderly` tells the peers that the application left; `stop` does not, so that a restart of the sidecar
 * is no event for anybody. Either way no new work is taken and what is under way is finished, within a bound.
 */
export class Shutdown {
  readonly #context: Context;
  readonly #events: EventHub;
  readonly #heartbeats: Heartbeats;
  readonly #requests: SnapshotRequests;
  readonly #own: OwnSnapshots;
  readonly #peers: PeerDirectory;
  readonly #done: Promise<ShutdownKind>;
  #resolveDone: (kind: ShutdownKind) => void = () => undefined;
  #kind: ShutdownKind | null = null;
  /** Ends the moves of work that are under way here: once we are gone nobody can. */
  endMoves: (signal: AbortSignal) => Promise<void> = () => Promise.resolve();

  constructor(
    context: Context,
    parts: {
      events: EventHub;
      heartbeats: Heartbeats;
      requests: SnapshotRequests;
      own: OwnSnapshots;
      peers: PeerDirectory;
    },
  ) {
    this.#context = context;
    this.#events = parts.events;
    this.#heartbeats = parts.heartbeats;
    this.#requests = parts.requests;
    this.#own = parts.own;
    this.#peers = parts.peers;
    this.#done = new Promise((resolve) => (this.#resolveDone = resolve));
  }

  get isUnderWay(): boolean {
    return this.#kind !== null;
  }

  /** Resolves when the peers are told and what was under way is finished: listeners and stores may be closed. */
  get done(): Promise<ShutdownKind> {
    return this.#done;
  }

  /** @throws GatewayError shutting-down */
  refuseIfUnderWay(): void {
    if (this.isUnderWay) throw new GatewayError('shutting-down', 'The gateway is shutting down and takes no new work.');
  }

  /** Begins once; a second call changes nothing. */
  begin(kind: ShutdownKind): void {
    if (this.isUnderWay) return;
    this.#kind = kind;
    this.#context.log.info({ orderly: kind === 'orderly' }, 'the gateway is shutting down');
    this.#requests.stop();
    this.#context.tasks.run('shutdown', async (signal) => {
      try {
        if (kind === 'orderly') await this.#leave(signal);
        await this.#events.publish({ type: 'shutdown', orderly: kind === 'orderly' });
      } finally {
        this.#resolveDone(kind);
      }
    });
  }

  async #leave(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#context;
    const deadline = clock.now() + FLUSH_MS;
    const moves = bounded(signal);
    const rest = clock.sleep(FLUSH_MS, moves.signal).then(moves.end);
    await this.endMoves(moves.signal);
    moves.end();
    await rest;
    while (this.#lacking().length > 0 && clock.now() < deadline && !signal.aborted) {
      const timer = new AbortController();
      const bound = AbortSignal.any([timer.signal, signal]);
      await Promise.race([this.#own.progress.next(bound), clock.sleep(deadline - clock.now(), bound)]);
      timer.abort();
    }
    const lacking = this.#lacking();
    if (lacking.length > 0)
      log.warn(
        { peers: lacking },
        'not every snapshot was replicated before the shutdown; the rest follows when this gateway is started again',
      );
    const untold = await this.#heartbeats.farewell(signal);
    if (untold.length > 0)
      log.warn({ peers: untold }, 'peers that could not be told of the orderly shutdown will take it for a failure');
  }

  /** Peers that are up and lack a snapshot. */
  #lacking(): string[] {
    return this.#peers.all
      .filter((peer) => peer.health.state === 'up' && peer.plan.pending() > 0)
      .map((peer) => peer.label);
  }
}
