import { backoffMs } from '../core/backoff.ts';
import { inventoryText } from '../core/inventory.ts';
import { noteOutcome, transferTargets } from '../core/machine-choice.ts';
import type { PlannedTransfer } from '../core/replication-plan.ts';
import type { SnapshotKey } from '../core/snapshot.ts';
import { GatewayError, messageOf } from '../errors.ts';
import type { PeerTransport, TransferOutcome } from '../ports/peer-transport.ts';
import type { PeerAnswer } from '../wire/messages.ts';
import { MINUTE_MS, SECOND_MS } from '../units.ts';
import type { Context } from './context.ts';
import type { EventHub } from './event-hub.ts';
import { envelopeOf } from './envelope.ts';
import type { Identity } from './identity.ts';
import { inventoryDigest } from './inventory-digest.ts';
import type { OwnSnapshots } from './own-snapshots.ts';
import type { Peer } from './peer.ts';

const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 15 * SECOND_MS;
/** Answers whose digest is not looked into while transfers are under way. */
const PASSED_OVER_MOST = 20;

/**
 * Ships our newest snapshots to one peer, so many at a time, each retried with a growing pause until the peer has it or
 * a newer one was accepted. What the peer has is taken from its inventory, so that after a restart of either side, or
 * after the peer lost its store, just what is missing goes.
 */
export class Shipper {
  readonly #context: Context;
  readonly #peer: Peer;
  readonly #transport: PeerTransport;
  readonly #own: OwnSnapshots;
  readonly #identity: Identity;
  readonly #events: EventHub;
  /** The inventory was compared at least once since the peer was last away. */
  #isCompared = false;
  /** The last inventory that left nothing to do, although it may not be what we would expect; good until the plan changes. */
  #settled: { readonly digest: string; readonly revision: number } | null = null;
  #passedOver = 0;
  #isComparing = false;
  #expected: { readonly revision: number; readonly digest: string } | null = null;
  #lastProblem = '';

  constructor(
    context: Context,
    parts: { peer: Peer; transport: PeerTransport; own: OwnSnapshots; identity: Identity; events: EventHub },
  ) {
    this.#context = context;
    this.#peer = parts.peer;
    this.#transport = parts.transport;
    this.#own = parts.own;
    this.#identity = parts.identity;
    this.#events = parts.events;
  }

  start(): void {
    const { settings, tasks } = this.#context;
    tasks.run(`ship to ${this.#peer.label}`, (signal) => this.#ship(signal));
    if (settings.heartbeatIntervalMs === Infinity) {
      tasks.run(`ask ${this.#peer.label} what it holds`, (signal) => this.#compareByItself(signal));
    }
  }

  /**
   * The peer is up again: nothing is taken for granted, nothing waits for an old back-off. It is asked what it holds: the
   * answer to our heartbeat may have come before, and the next one is an interval away.
   */
  contact(): void {
    this.#isCompared = false;
    this.#settled = null;
    this.#peer.plan.retryAll(this.#context.clock.now());
    this.#peer.shipWake.ring();
    this.#compareBeside();
  }

  /** Every answer carries a digest of what the peer holds of ours; one that is not as expected is looked into. */
  onAnswer(answer: PeerAnswer): void {
    const { plan } = this.#peer;
    // The peer does not know now what it holds; it says so again when it does.
    if (answer.inventory === '') return;
    if (this.#isComparing || this.#isSettled(answer.inventory)) return;
    // What is under way makes a difference by itself; only one that stays through many answers is more than that.
    this.#passedOver = plan.underWay() > 0 ? this.#passedOver + 1 : 0;
    if (plan.underWay() > 0 && this.#passedOver < PASSED_OVER_MOST) return;
    this.#passedOver = 0;
    if (answer.inventory === this.#expectedDigest()) {
      this.#compared(answer.inventory);
      return;
    }
    this.#compareBeside();
  }

  #compareBeside(): void {
    if (this.#isComparing) return;
    this.#isComparing = true;
    this.#context.tasks.run(`compare with ${this.#peer.label}`, (signal) =>
      this.#compare(signal).finally(() => (this.#isComparing = false)),
    );
  }

  /** The digest of what we believe the peer to have; kept until the plan changes, because every answer asks for it. */
  #expectedDigest(): string {
    const { plan } = this.#peer;
    if (this.#expected?.revision === plan.revision) return this.#expected.digest;
    const rows = plan.believed().map(({ key, version, sha256 }) => ({
      workload: key.workload,
      origin: key.origin,
      version,
      sha256,
      fate: 'held' as const,
    }));
    const digest = inventoryDigest(inventoryText(rows));
    this.#expected = { revision: plan.revision, digest };
    return digest;
  }

  #isSettled(digest: string): boolean {
    return this.#settled?.digest === digest && this.#settled.revision === this.#peer.plan.revision;
  }

  #compared(digest: string): void {
    this.#settled = { digest, revision: this.#peer.plan.revision };
    if (this.#isCompared) return;
    this.#isCompared = true;
    this.#peer.shipWake.ring();
  }

  /** With heartbeats switched off no answer tells that the inventory changed: it is asked for. */
  async #compareByItself(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    let failures = 0;
    while (!signal.aborted) {
      const machine = this.#peer.choice.machines[this.#peer.choice.current]?.address ?? '';
      const isAnswered = this.#peer.isReachable && (await this.#compare(signal));
      failures = isAnswered ? 0 : failures + 1;
      this.#peer.choice = noteOutcome(this.#peer.choice, machine, isAnswered ? 'ok' : 'failed', 'no inventory');
      await clock.sleep(isAnswered ? MINUTE_MS : this.#retryAt(failures) - clock.now(), signal);
    }
  }

  /** @returns false when the peer did not say what it holds */
  async #compare(signal: AbortSignal): Promise<boolean> {
    const machine = this.#peer.choice.machines[this.#peer.choice.current]?.address;
    if (machine === undefined) return false;
    const { dataCenter } = this.#context.settings;
    const outcome = await this.#transport.inventory({ machine, dataCenter: this.#peer.name }, dataCenter, signal);
    if (outcome.kind !== 'rows') return false;
    for (const row of outcome.rows) {
      this.#own.noteSeen({ dataCenter, workload: row.workload, origin: row.origin }, row.version);
    }
    this.#peer.plan.reconcile(outcome.rows, dataCenter, this.#context.clock.now());
    let isWhole = true;
    for (const row of outcome.rows) {
      const key = { dataCenter, workload: row.workload, origin: row.origin };
      const newest = this.#own.newestOf(key);
      const isBehind =
        newest !== undefined &&
        (row.version > newest.version || (row.version === newest.version && row.sha256 !== newest.sha256));
      if (!isBehind) continue;
      try {
        await this.#own.renumber(key, row.version, signal);
      } catch (error) {
        // The next answer is compared again; what else there is to ship does not wait for it.
        isWhole = false;
        this.#context.log.warn(
          { peer: this.#peer.label, origin: row.origin, error: messageOf(error) },
          'an own snapshot cannot be renumbered; it is tried again',
        );
      }
    }
    if (isWhole) this.#compared(inventoryDigest(inventoryText(outcome.rows)));
    this.#isCompared = true;
    this.#own.progress.notify();
    this.#peer.shipWake.ring();
    return true;
  }

  async #ship(signal: AbortSignal): Promise<void> {
    const { clock, settings, tasks } = this.#context;
    const { plan, shipWake } = this.#peer;
    while (!signal.aborted) {
      const mayShip = this.#peer.isReachable && this.#isCompared;
      if (mayShip) {
        for (const transfer of plan.start(clock.now(), settings.parallelTransfers)) {
          tasks.run(`transfer of ${transfer.key.origin}`, () => this.#transfer(transfer, signal));
        }
      }
      const isFull = plan.underWay() >= settings.parallelTransfers;
      const next = mayShip && !isFull ? plan.nextStartAt() - clock.now() : Infinity;
      await shipWake.wait(clock, Math.max(0, next), signal);
    }
  }

  async #transfer(transfer: PlannedTransfer, signal: AbortSignal): Promise<void> {
    const { key, version } = transfer;
    try {
      const outcome = await this.#send(key, version, signal);
      await this.#note(key, version, outcome, signal);
    } catch (error) {
      if (!signal.aborted) this.#unreadable(key, error);
    } finally {
      this.#peer.shipWake.ring();
      this.#own.progress.notify();
    }
  }

  /** To the current machine, or to every one: stored when one took it. */
  async #send(key: SnapshotKey, version: number, signal: AbortSignal): Promise<TransferOutcome> {
    const targets = transferTargets(this.#peer.choice, this.#context.settings.sendToAllMachines);
    let best: TransferOutcome = { kind: 'failed', reason: 'unreachable', detail: 'no machine is known' };
    for (const machine of targets) {
      const outcome = await this.#sendTo(machine, key, version, signal);
      if (rank(outcome) > rank(best)) best = outcome;
    }
    return best;
  }

  async #sendTo(machine: string, key: SnapshotKey, version: number, signal: AbortSignal): Promise<TransferOutcome> {
    const { clock, settings, telemetry } = this.#context;
    const reader = await this.#own.openVersion(key, version);
    const startedAt = clock.now();
    try {
      const outcome = await this.#transport.sendSnapshot(
        { machine, dataCenter: this.#peer.name },
        envelopeOf(this.#context, this.#identity, reader.snapshot, null),
        reader.stream(),
        signal,
      );
      if (outcome.kind === 'stored') {
        const { bytes } = reader.snapshot;
        const seconds = (clock.now() - startedAt) / SECOND_MS;
        telemetry.snapshotSent(this.#peer.label, { encoding: 'identity', sentBytes: bytes, rawBytes: bytes, seconds });
      } else if (outcome.kind !== 'not-newer') {
        telemetry.transferFailed(this.#peer.label, outcome.reason);
        this.#say(machine, key, outcome, settings.alwaysLogHttpErrors);
      }
      return outcome;
    } finally {
      await reader.close();
    }
  }

  async #note(key: SnapshotKey, version: number, outcome: TransferOutcome, signal: AbortSignal): Promise<void> {
    const { plan, label } = this.#peer;
    switch (outcome.kind) {
      case 'stored':
        plan.stored(key, version);
        this.#peer.lastReplicatedMs = this.#context.clock.wallMs();
        this.#lastProblem = '';
        await this.#events.publish({
          type: 'snapshot-replicated',
          workload: key.workload,
          origin: key.origin,
          version,
          peer: label,
        });
        return;
      case 'not-newer':
        // The peer has something newer, from before our state was lost, or from the run that we are a copy of.
        if ((await this.#own.renumber(key, Math.max(version, outcome.has), signal)) === 'theirs')
          plan.stored(key, outcome.isConflict ? version : Math.max(version, outcome.has));
        // Not stored: nobody who waits for what was accepted may be told that the peer has it.
        else plan.dropped(key);
        return;
      case 'refused':
      case 'failed': {
        const failures = plan.failed(key, (times) => this.#retryAt(times));
        // A newer one came while it was under way: now that it has failed, it never goes.
        if (failures === 0) this.#context.telemetry.snapshotSuperseded(label);
      }
    }
  }

  #retryAt(failures: number): number {
    const { clock, random } = this.#context;
    return clock.now() + backoffMs(failures, { firstMs: RETRY_FIRST_MS, mostMs: RETRY_MOST_MS }, random());
  }

  /** The version cannot be read here: removed because a newer one came, or damaged. Whatever is the newest now is planned. */
  #unreadable(key: SnapshotKey, error: unknown): void {
    const { plan } = this.#peer;
    const isGone = error instanceof GatewayError && (error.code === 'snapshot-damaged' || error.code === 'not-found');
    if (!isGone) {
      plan.failed(key, (failures) => this.#retryAt(failures));
      this.#context.log.warn(
        { peer: this.#peer.label, origin: key.origin, error: messageOf(error) },
        'an own snapshot cannot be read; it is tried again',
      );
      return;
    }
    plan.dropped(key);
    const newest = this.#own.newestOf(key);
    if (newest !== undefined) plan.offer(key, newest, this.#context.clock.now());
  }

  #say(machine: string, key: SnapshotKey, outcome: { reason: string; detail: string }, always: boolean): void {
    const text = `${machine} ${outcome.reason}`;
    if (text === this.#lastProblem && !always) return;
    this.#lastProblem = text;
    const { reason, detail } = outcome;
    this.#context.log.warn(
      { peer: this.#peer.label, machine, origin: key.origin, reason, detail },
      'a snapshot could not be sent; it is tried again',
    );
  }
}

/** Which of several machines' outcomes speaks for the peer: one that stored it before one that has it, before any failure. */
function rank(outcome: TransferOutcome): number {
  switch (outcome.kind) {
    case 'stored':
      return 3;
    case 'not-newer':
      return 2;
    case 'refused':
      return 1;
    case 'failed':
      return 0;
  }
}
