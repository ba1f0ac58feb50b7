import { backoffMs } from '../core/backoff.ts';
import { transferTargets } from '../core/machine-choice.ts';
import type { StoredSnapshot } from '../core/snapshot.ts';
import { messageOf } from '../errors.ts';
import type { PeerTransport } from '../ports/peer-transport.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';
import { SECOND_MS } from '../units.ts';
import type { Context } from './context.ts';
import type { Damage } from './damage.ts';
import { envelopeOf } from './envelope.ts';
import type { Identity } from './identity.ts';
import type { Peer } from './peer.ts';

export interface Offered {
  readonly store: SnapshotStore;
  readonly snapshot: StoredSnapshot;
}

/**
 * Gives the home DC the newest state of its workload (type 4), all of it as one return: those that this DC's application
 * made, and those that it never posted anew. Each goes until the home DC has it, or has said that it has a newer one.
 */
export class HandBack {
  readonly #context: Context;
  readonly #transport: PeerTransport;
  readonly #identity: Identity;
  readonly #damage: Damage;

  constructor(context: Context, parts: { transport: PeerTransport; identity: Identity; damage: Damage }) {
    this.#context = context;
    this.#transport = parts.transport;
    this.#identity = parts.identity;
    this.#damage = parts.damage;
  }

  /** @returns how many the home DC took, and what it did not; null when the signal was aborted before all were answered */
  async send(
    peer: Peer,
    id: string,
    offered: readonly Offered[],
    signal: AbortSignal,
  ): Promise<{ readonly taken: number; readonly refused: readonly Offered[] } | null> {
    const refused: Offered[] = [];
    for (const one of offered) {
      const outcome = await this.#sendOne(peer, one, { id, total: offered.length }, signal);
      if (outcome === null) return null;
      if (outcome === 'refused') refused.push(one);
    }
    return { taken: offered.length - refused.length, refused };
  }

  async #sendOne(
    peer: Peer,
    { store, snapshot }: Offered,
    batch: { id: string; total: number },
    signal: AbortSignal,
  ): Promise<'stored' | 'refused' | null> {
    const { clock, log, random } = this.#context;
    for (let failures = 1; !signal.aborted; failures += 1) {
      try {
        const outcome = await this.#attempt(peer, { store, snapshot }, batch, signal);
        if (outcome !== 'later') return outcome;
      } catch (error) {
        log.warn(
          { peer: peer.label, origin: snapshot.key.origin, error: messageOf(error) },
          'a snapshot cannot be handed back yet',
        );
      }
      await clock.sleep(backoffMs(failures, { firstMs: 200, mostMs: 5 * SECOND_MS }, random()), signal);
    }
    return null;
  }

  async #attempt(
    peer: Peer,
    { store, snapshot }: Offered,
    batch: { id: string; total: number },
    signal: AbortSignal,
  ): Promise<'stored' | 'refused' | 'later'> {
    const [machine] = transferTargets(peer.choice, false);
    if (machine === undefined) return 'later';
    const reader = await this.#damage.open(store, snapshot.key, snapshot.version);
    try {
      const outcome = await this.#transport.sendSnapshot(
        { machine, dataCenter: peer.name },
        envelopeOf(this.#context, this.#identity, reader.snapshot, batch),
        reader.stream(),
        signal,
      );
      if (outcome.kind === 'stored') return 'stored';
      return outcome.kind === 'not-newer' ? 'refused' : 'later';
    } finally {
      await reader.close();
    }
  }
}
