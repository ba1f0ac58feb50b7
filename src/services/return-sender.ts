import { backoffMs } from '../core/backoff.ts';
import { transferTargets } from '../core/machine-choice.ts';
import { GatewayError, messageOf } from '../errors.ts';
import type { PeerTransport, TransferOutcome } from '../ports/peer-transport.ts';
import { SECOND_MS } from '../units.ts';
import type { Context } from './context.ts';
import type { Damage } from './damage.ts';
import type { EventHub } from './event-hub.ts';
import type { HeldSnapshots } from './held-snapshots.ts';
import { envelopeOf } from './envelope.ts';
import type { Identity } from './identity.ts';
import type { Peer, ReturnItem } from './peer.ts';
import type { PeerRecords } from './peer-records.ts';
import { Wake } from './wake.ts';

/**
 * Sends what is held from a peer back to it (type 4). What is to be returned is in the peer's record until the peer
 * has stored or refused it, so that neither a restart nor a cut forgets it. We keep our copy.
 */
export class ReturnSender {
  readonly #context: Context;
  readonly #peer: Peer;
  readonly #transport: PeerTransport;
  readonly #held: HeldSnapshots;
  readonly #damage: Damage;
  readonly #identity: Identity;
  readonly #events: EventHub;
  readonly #records: PeerRecords;
  readonly #wake = new Wake();

  constructor(
    context: Context,
    parts: {
      peer: Peer;
      transport: PeerTransport;
      held: HeldSnapshots;
      damage: Damage;
      identity: Identity;
      events: EventHub;
      records: PeerRecords;
    },
  ) {
    this.#context = context;
    this.#peer = parts.peer;
    this.#transport = parts.transport;
    this.#held = parts.held;
    this.#damage = parts.damage;
    this.#identity = parts.identity;
    this.#events = parts.events;
    this.#records = parts.records;
  }

  start(): void {
    this.#context.tasks.run(`return to ${this.#peer.label}`, (signal) => this.#send(signal));
  }

  contact(): void {
    this.#wake.ring();
  }

  /** Plans the return of the newest version of everything held; a return under way is replaced. @throws nothing-held */
  async plan(): Promise<{ returnId: string; snapshots: readonly ReturnItem[] }> {
    this.#held.assertKnown();
    const { name } = this.#peer;
    const rows = name === null ? [] : this.#held.offered(name);
    if (rows.length === 0)
      throw new GatewayError('nothing-held', `Nothing is held from "${this.#peer.label}".`, { field: 'dc' });
    const { clock, rules } = this.#context;
    const returnId = String(rules.nextNumber(Number(this.#peer.returning[0]?.returnId ?? 0), clock.wallMs()));
    const items = rows.map((row) => ({
      returnId,
      total: rows.length,
      workload: row.key.workload,
      origin: row.key.origin,
      version: row.version,
    }));
    const before = this.#peer.returning;
    this.#peer.returning = items;
    if (!(await this.#records.save(this.#peer))) {
      // What was promised must outlive a restart; with the state folder unwritable it would not.
      this.#peer.returning = before;
      throw new GatewayError('store-unavailable', 'The return could not be recorded in the state folder; try again.');
    }
    this.#wake.ring();
    return { returnId, snapshots: items };
  }

  async #send(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#context;
    let failures = 0;
    while (!signal.aborted) {
      const item = this.#peer.returning[0];
      if (item === undefined || !this.#peer.isReachable) {
        await this.#wake.wait(clock, Infinity, signal);
        failures = 0;
        continue;
      }
      const { outcome, version } = await this.#sendOne(item, signal);
      if (outcome === 'later') {
        failures += 1;
        // The others take their turn: one that the peer does not take must not hold them up for ever.
        const { returning } = this.#peer;
        if (returning.includes(item)) this.#peer.returning = [...returning.filter((other) => other !== item), item];
        await this.#wake.wait(clock, backoffMs(failures, { firstMs: 500, mostMs: 15 * SECOND_MS }, random()), signal);
        continue;
      }
      failures = 0;
      this.#peer.returning = this.#peer.returning.filter((other) => other !== item);
      await this.#records.save(this.#peer);
      const { workload, origin } = item;
      await this.#events.publish({
        type: 'snapshot-returned',
        workload,
        origin,
        version,
        peer: this.#peer.label,
        outcome,
      });
    }
  }

  /** Where the version is damaged or gone, the newest that can still be offered goes in its place. */
  async #sendOne(
    item: ReturnItem,
    signal: AbortSignal,
  ): Promise<{ outcome: 'stored' | 'refused' | 'unreadable' | 'later'; version: number }> {
    for (let { version } = item; ;) {
      const offered = this.#offered(item, version);
      if (offered === undefined) return { outcome: 'unreadable', version };
      version = offered;
      const outcome = await this.#sendVersion(item, version, signal);
      if (outcome !== 'unreadable' || this.#offered(item, version) === version) return { outcome, version };
    }
  }

  #offered(item: ReturnItem, version: number): number | undefined {
    const key = { dataCenter: this.#peer.label, workload: item.workload, origin: item.origin };
    const rows = this.#held.store.rowsOf(key);
    const isOffered = rows.some((row) => row.version === version && row.place === 'live' && !row.withdrawn);
    return isOffered ? version : this.#context.rules.newestOffered(rows)[0]?.version;
  }

  async #sendVersion(
    item: ReturnItem,
    wanted: number,
    signal: AbortSignal,
  ): Promise<'stored' | 'refused' | 'unreadable' | 'later'> {
    const key = { dataCenter: this.#peer.label, workload: item.workload, origin: item.origin };
    try {
      const reader = await this.#damage.open(this.#held.store, key, wanted);
      try {
        const [machine] = transferTargets(this.#peer.choice, false);
        if (machine === undefined) return 'later';
        const batch = { id: item.returnId, total: item.total };
        const outcome = await this.#transport.sendSnapshot(
          { machine, dataCenter: this.#peer.name },
          envelopeOf(this.#context, this.#identity, reader.snapshot, batch),
          reader.stream(),
          signal,
        );
        return this.#judge(outcome, item);
      } finally {
        await reader.close();
      }
    } catch (error) {
      const isGone = error instanceof GatewayError && (error.code === 'snapshot-damaged' || error.code === 'not-found');
      this.#context.log.warn(
        { peer: this.#peer.label, origin: item.origin, error: messageOf(error) },
        'a held snapshot cannot be read for its return',
      );
      return isGone ? 'unreadable' : 'later';
    }
  }

  #judge(outcome: TransferOutcome, item: ReturnItem): 'stored' | 'refused' | 'later' {
    switch (outcome.kind) {
      case 'stored':
        return 'stored';
      case 'not-newer':
        return 'refused';
      case 'refused':
      case 'failed':
        this.#context.telemetry.transferFailed(this.#peer.label, outcome.reason);
        this.#context.log.debug(
          { peer: this.#peer.label, origin: item.origin, detail: outcome.detail },
          'a return failed and is tried again',
        );
        return 'later';
    }
  }
}
