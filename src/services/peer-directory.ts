import { GatewayError } from '../errors.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';
import type { Context } from './context.ts';
import type { Identity } from './identity.ts';
import { Peer } from './peer.ts';
import type { PeerRecords } from './peer-records.ts';

/** Who our peers are, and whose word counts as whose. */
export class PeerDirectory {
  readonly #context: Context;
  readonly #identity: Identity;
  readonly #records: PeerRecords;
  readonly #held: SnapshotStore;
  readonly all: readonly Peer[];
  /** The name that is being learned; its peer has none before everything that is known of the name was read. */
  #learning: { readonly name: string; readonly done: Promise<void> } | null = null;
  /** Reads what else a former run knew of the name, before anybody sees it. */
  onLearned: (name: string) => Promise<void> = () => Promise.resolve();
  /** Called when the peer has the name that was learned: what a former run left of it goes on. */
  onNamed: (peer: Peer, name: string) => void = () => undefined;

  constructor(context: Context, parts: { identity: Identity; records: PeerRecords; held: SnapshotStore }) {
    this.#context = context;
    this.#identity = parts.identity;
    this.#records = parts.records;
    this.#held = parts.held;
    this.all = context.settings.peers.map((settings) => new Peer(settings, context));
  }

  async load(): Promise<void> {
    for (const peer of this.all) {
      const { learnedPeer } = this.#identity;
      // A name that was learned and is configured for another peer now is that one's.
      if (learnedPeer !== null && this.find(learnedPeer) === undefined) peer.name ??= learnedPeer;
      if (peer.name !== null) await this.#restore(peer, peer.name);
    }
  }

  async #restore(peer: Peer, name: string): Promise<void> {
    const holds = this.#held.rows(name).some((row) => row.place === 'live' && !row.withdrawn);
    await this.#records.load(peer, name, holds, this.#context.clock.now());
  }

  find(name: string): Peer | undefined {
    return this.all.find((peer) => peer.name === name);
  }

  /** @throws GatewayError not-found */
  get(name: string): Peer {
    const peer = this.find(name);
    if (peer === undefined) {
      const known = this.all.map((one) => one.label).join(', ');
      throw new GatewayError('not-found', `No peer is called "${name}"; the peers are: ${known}.`, { field: 'dc' });
    }
    return peer;
  }

  /**
   * The peer that speaks under this name. The name of the one peer that was configured without a name is learned from
   * its first message, kept, and another name is refused from then on; a snapshot teaches no name.
   *
   * @throws GatewayError `own-data-center`, `wrong-data-center`, `wrong-application`
   */
  async identify(name: string, applicationName: string, mayLearn: boolean): Promise<Peer> {
    const { dataCenter, applicationName: ours } = this.#context.settings;
    if (name === dataCenter) {
      throw new GatewayError(
        'own-data-center',
        `This gateway is "${dataCenter}" itself; a peer must have another localDataCenterName.`,
      );
    }
    const known = this.find(name);
    const peer = known ?? (mayLearn ? this.all.find((one) => one.name === null) : undefined);
    if (peer === undefined) {
      const names = this.all.map((one) => one.label).join(', ');
      throw new GatewayError(
        'wrong-data-center',
        `"${name}" is not a peer of "${dataCenter}"; its peers are: ${names}.`,
      );
    }
    if (applicationName !== ours) {
      throw new GatewayError(
        'wrong-application',
        `The gateway of "${dataCenter}" serves the application "${ours}", not "${applicationName}".`,
      );
    }
    if (known !== undefined) return known;
    // A second message must not be judged by a state that the peer's record is about to replace.
    const learning = (this.#learning ??= { name, done: this.#learn(peer, name) });
    await learning.done;
    return learning.name === name ? peer : this.identify(name, applicationName, mayLearn);
  }

  async #learn(peer: Peer, name: string): Promise<void> {
    await this.#identity.learn(name);
    await this.onLearned(name);
    await this.#restore(peer, name);
    peer.name = name;
    this.#context.log.info({ peer: name, machines: peer.machines }, 'the name of the peer was learned');
    this.onNamed(peer, name);
  }
}
