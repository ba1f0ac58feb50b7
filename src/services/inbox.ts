import { GatewayError } from '../errors.ts';
import type { PeerRow } from '../core/replication-plan.ts';
import type { PeerInbox } from '../ports/peer-inbox.ts';
import { SECOND_MS } from '../units.ts';
import type { PeerAnswer, PeerMessage } from '../wire/messages.ts';
import type { SnapshotEnvelope } from '../wire/snapshot-headers.ts';
import type { Context } from './context.ts';
import type { HealthMonitor } from './health-monitor.ts';
import type { Asks } from './asks.ts';
import type { HeldSnapshots } from './held-snapshots.ts';
import type { Identity } from './identity.ts';
import type { Ownership } from './ownership.ts';
import type { Peer } from './peer.ts';
import type { PeerDirectory } from './peer-directory.ts';
import type { PeerRecords } from './peer-records.ts';
import type { ReturnedSnapshots } from './returned-snapshots.ts';
import type { Watermarks } from './watermarks.ts';
import type { WorkloadSnapshots } from './workload-snapshots.ts';

/** How often one kind of refusal from one sender is logged. */
const SHOUT_EVERY_MS = 60 * SECOND_MS;
/** Of how many senders within that time: whoever invents names or comes from everywhere fills no log. */
const SHOUTS_A_REASON = 5;
const SWITCHED_OFF_SECONDS = 444_444_444;

/** What peers say, checked against who they may be. */
export class Inbox implements PeerInbox {
  readonly #context: Context;
  readonly #peers: PeerDirectory;
  readonly #identity: Identity;
  readonly #monitor: HealthMonitor;
  readonly #held: HeldSnapshots;
  readonly #returned: ReturnedSnapshots;
  readonly #records: PeerRecords;
  readonly #snapshots: WorkloadSnapshots;
  readonly #ownership: Ownership;
  readonly #watermarks: Watermarks;
  readonly #asks: Asks;
  /** The senders that were logged for each reason since `#shoutedSince`. */
  readonly #shouted = new Map<string, Set<string>>();
  #shoutedSince = -Infinity;
  onFirstContact: (peer: Peer) => void = () => undefined;

  constructor(
    context: Context,
    parts: {
      peers: PeerDirectory;
      identity: Identity;
      monitor: HealthMonitor;
      held: HeldSnapshots;
      returned: ReturnedSnapshots;
      records: PeerRecords;
      snapshots: WorkloadSnapshots;
      ownership: Ownership;
      watermarks: Watermarks;
      asks: Asks;
    },
  ) {
    this.#context = context;
    this.#peers = parts.peers;
    this.#identity = parts.identity;
    this.#monitor = parts.monitor;
    this.#held = parts.held;
    this.#returned = parts.returned;
    this.#records = parts.records;
    this.#snapshots = parts.snapshots;
    this.#ownership = parts.ownership;
    this.#watermarks = parts.watermarks;
    this.#asks = parts.asks;
  }

  async receiveMessage(message: PeerMessage, from: string): Promise<PeerAnswer> {
    const peer = await this.#guarded(from, () =>
      this.#peers.identify(message.dataCenterOrigin, message.applicationName, true),
    );
    const { clock, telemetry } = this.#context;
    const order = { incarnation: message.incarnation, heartbeatCnt: message.heartbeatCnt };
    peer.noteIncarnation(message.incarnation, clock.now());
    this.#refuseOldRun(peer, message);
    const isFresh = this.#monitor.apply(
      peer,
      message.heartbeatMsgType === 3
        ? { kind: 'orderly-shutdown', order }
        : {
            kind: 'heartbeat',
            order,
            intervalMs: message.interval >= SWITCHED_OFF_SECONDS ? Infinity : message.interval * SECOND_MS,
            application: message.application.status,
            heardUsAgoMs: message.lastHeard?.ageMs ?? null,
          },
    );
    // A farewell has the last word of the application too.
    if (isFresh) this.#watermarks.heard(message.dataCenterOrigin, message.incarnation, message.watermarks);
    // A copy or a late one changes nothing, but its sender gets the same answer: it may have lost the first.
    if (isFresh && message.heartbeatMsgType === 1) {
      telemetry.heartbeatReceived(peer.label);
      peer.lastHeartbeatMs = clock.wallMs();
      const skewMs = Date.parse(message.sentAt) - peer.lastHeartbeatMs;
      peer.clockSkewMs = Number.isNaN(skewMs) ? null : skewMs;
      peer.isActive = message.mode !== 'passive';
      // Before anything that follows from its being there: who owns what decides what may follow.
      this.#ownership.hear(peer, message.ownership);
      if (!peer.wasHeard) {
        peer.wasHeard = true;
        this.onFirstContact(peer);
      }
    } else if (!isFresh) {
      telemetry.requestRejected('stale');
    }
    const { ask } = message;
    const reply = ask !== undefined && isFresh ? await this.#asks.receive(peer, ask) : undefined;
    return {
      dataCenterOrigin: this.#context.settings.dataCenter,
      heartbeatCnt: this.#identity.sent,
      incarnation: this.#identity.incarnation,
      inventory: this.#held.inventoryDigest(message.dataCenterOrigin),
      ownership: this.#ownership.news(),
      ...(reply === undefined ? {} : { reply }),
    };
  }

  async receiveSnapshot(
    envelope: SnapshotEnvelope,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const peer = await this.#guarded(envelope.dataCenterOrigin, () =>
      this.#peers.identify(envelope.dataCenterOrigin, envelope.applicationName, false),
    );
    try {
      if (envelope.heartbeatMsgType === 4) {
        await this.#returned.receive(envelope, content, signal);
      } else {
        await this.#held.receive(peer, envelope, content, signal);
        await this.#noteReplicated(peer, envelope);
      }
    } catch (error) {
      if (error instanceof GatewayError) this.#context.telemetry.requestRejected(error.code);
      throw error;
    }
  }

  /**
   * With nothing held of one that has replicated something, something is missing; with all of it withdrawn, by whoever
   * did the work, nothing is. Only what a peer posts of its own workload is a word of that: what it returns, or posts of
   * work that it took over, is another's.
   */
  async #noteReplicated(peer: Peer, { workload, description }: SnapshotEnvelope): Promise<void> {
    const home = this.#peers.find(workload);
    if (home === undefined) return;
    const hasReplicated = description.withdrawn
      ? home.hasReplicated && this.#snapshots.hasReplicated(workload)
      : home.hasReplicated || home === peer;
    if (hasReplicated === home.hasReplicated) return;
    home.hasReplicated = hasReplicated;
    await this.#records.save(home);
  }

  inventory(dataCenter: string, from = dataCenter): readonly PeerRow[] {
    if (this.#peers.find(dataCenter) === undefined) {
      this.rejected('wrong-data-center', `"${dataCenter}" is not a peer`, from);
      throw new GatewayError(
        'wrong-data-center',
        `"${dataCenter}" is not a peer of "${this.#context.settings.dataCenter}".`,
      );
    }
    return this.#held.inventory(dataCenter);
  }

  /** Counted always, logged once a minute for each reason and sender, and of few senders: nobody outside may fill the log. */
  rejected(reason: string, detail: string, from: string): void {
    const { clock, log, telemetry } = this.#context;
    telemetry.requestRejected(reason);
    // Every start of a gateway brings one of these about.
    if (reason === 'token-stale') return;
    const now = clock.now();
    if (now - this.#shoutedSince >= SHOUT_EVERY_MS) {
      this.#shoutedSince = now;
      this.#shouted.clear();
    }
    const senders = this.#shouted.get(reason) ?? new Set<string>();
    this.#shouted.set(reason, senders);
    if (senders.has(from) || senders.size >= SHOUTS_A_REASON) return;
    senders.add(from);
    log.error({ reason, detail, from }, 'a request on the peer listener was refused');
  }

  async #guarded(from: string, identify: () => Promise<Peer>): Promise<Peer> {
    try {
      return await identify();
    } catch (error) {
      if (error instanceof GatewayError) this.rejected(error.code, error.message, from);
      throw error;
    }
  }

  /** An earlier run of the peer, or a second gateway of its name, is told what we have heard, so that it can go above it. */
  #refuseOldRun(peer: Peer, message: PeerMessage): void {
    const { order, state } = peer.health;
    const { incarnation } = message;
    if (order === null) return;
    // A repeated farewell is answered as the first one was: its sender may have lost that answer.
    const isAfterFarewell = state === 'left' && incarnation === order.incarnation && message.heartbeatMsgType === 1;
    if (incarnation >= order.incarnation && !isAfterFarewell) return;
    this.#context.telemetry.requestRejected('stale-incarnation');
    throw new GatewayError(
      'stale-incarnation',
      `Incarnation ${order.incarnation} of "${peer.label}" was heard already; ${incarnation} is older.`,
      { facts: { has: order.incarnation } },
    );
  }
}
