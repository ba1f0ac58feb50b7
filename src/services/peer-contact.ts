import type { PeerHealth } from '../core/peer-state.ts';
import { GatewayError } from '../errors.ts';
import type { Context } from './context.ts';
import type { StateFollower } from './health-monitor.ts';
import type { Peer } from './peer.ts';
import type { ReturnSender } from './return-sender.ts';
import type { Shipper } from './shipper.ts';
import type { SnapshotRequests } from './snapshot-requests.ts';

/** What happens when a peer is there: shipping goes on, fresh snapshots are asked for, what is its own is given back. */
export class PeerContact implements StateFollower {
  readonly #context: Context;
  readonly #shippers: ReadonlyMap<Peer, Shipper>;
  readonly #returns: ReadonlyMap<Peer, ReturnSender>;
  readonly #requests: SnapshotRequests;

  constructor(
    context: Context,
    parts: {
      shippers: ReadonlyMap<Peer, Shipper>;
      returns: ReadonlyMap<Peer, ReturnSender>;
      requests: SnapshotRequests;
    },
  ) {
    this.#context = context;
    this.#shippers = parts.shippers;
    this.#returns = parts.returns;
    this.#requests = parts.requests;
  }

  /** The first heartbeat of a peer in this run. */
  firstContact(peer: Peer): void {
    this.#returns.get(peer)?.contact();
  }

  /** After the first contact, as soon as it is known what is held from the peer. */
  heldIsKnown(peer: Peer): void {
    if (this.#context.settings.returnAtStartup)
      this.#context.tasks.run('return at first contact', () => this.#returnAll(peer));
  }

  onUp(peer: Peer, from: PeerHealth['state']): Promise<void> {
    // Out of suspicion nothing was lost on the way that the next answer would not show.
    if (from !== 'suspect') {
      this.#shippers.get(peer)?.contact();
      this.#requests.askByItself('peer-joined');
    }
    this.#returns.get(peer)?.contact();
    return Promise.resolve();
  }

  onDown(): Promise<void> {
    return Promise.resolve();
  }

  onLeft(): Promise<void> {
    return Promise.resolve();
  }

  onRefusalEnded(): Promise<void> {
    return Promise.resolve();
  }

  async #returnAll(peer: Peer): Promise<void> {
    try {
      await this.#returns.get(peer)?.plan();
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      if (error.code === 'nothing-held') return;
      this.#context.log.error(
        { peer: peer.label, error: error.message },
        'what is held was not returned at first contact; `crossdc return` does it',
      );
    }
  }
}
