import { chooseMachines, noteOutcome } from '../core/machine-choice.ts';
import { isoTime } from '../ports/clock.ts';
import type { MessageOutcome, PeerTransport } from '../ports/peer-transport.ts';
import { PROTOCOL, SECOND_MS } from '../units.ts';
import type { PeerAnswer, PeerMessage } from '../wire/messages.ts';
import type { Ask, OwnershipNews } from '../wire/ownership.ts';
import type { ApplicationHealth } from './application-health.ts';
import type { Context } from './context.ts';
import type { HealthMonitor } from './health-monitor.ts';
import type { Identity } from './identity.ts';
import { MachineLog } from './machine-log.ts';
import type { Peer } from './peer.ts';
import type { PeerDirectory } from './peer-directory.ts';

/** What an exchange that is switched off announces, in seconds (as in the IBM toolkit). */
const SWITCHED_OFF_SECONDS = 444_444_444;
/** How long an orderly shutdown goes on telling a peer that does not answer. */
const FAREWELL_MS = 10 * SECOND_MS;
/** Where heartbeats are switched off: how often a peer is told again of what it has not answered. */
const TELL_AGAIN_MS = 15 * SECOND_MS;

export interface AnswerListener {
  onAnswer(peer: Peer, answer: PeerAnswer): void;
}

/** What goes with every heartbeat besides the sign of life. */
export interface News {
  ownership(): OwnershipNews;
  watermarks(): PeerMessage['watermarks'];
}

/**
 * Sends a heartbeat to each peer on the interval, whatever state the peer is in and whether or not the one before was
 * answered. Nothing here waits for a snapshot, a disk or a slow peer.
 */
export class Heartbeats {
  readonly #context: Context;
  readonly #transport: PeerTransport;
  readonly #peers: PeerDirectory;
  readonly #identity: Identity;
  readonly #monitor: HealthMonitor;
  readonly #health: ApplicationHealth;
  readonly #machineLog: MachineLog;
  readonly #stopping = new AbortController();
  /** When the newest heartbeat that a machine answered had left. */
  readonly #answeredSentAt = new Map<string, number>();
  #isFlushing = false;
  /** Since when each peer has not been told what it was to hear at once. */
  readonly #untoldSince = new Map<Peer, number>();
  listener: AnswerListener | undefined;
  news: News | undefined;

  constructor(
    context: Context,
    parts: {
      transport: PeerTransport;
      peers: PeerDirectory;
      identity: Identity;
      monitor: HealthMonitor;
      health: ApplicationHealth;
    },
  ) {
    this.#context = context;
    this.#transport = parts.transport;
    this.#peers = parts.peers;
    this.#identity = parts.identity;
    this.#monitor = parts.monitor;
    this.#health = parts.health;
    this.#machineLog = new MachineLog(context);
  }

  start(): void {
    const isOff = this.#context.settings.heartbeatIntervalMs === Infinity;
    for (const peer of this.#peers.all) {
      this.#context.tasks.run(`heartbeats to ${peer.label}`, (signal) =>
        isOff ? this.#tellAgain(peer, signal) : this.#beatOnInterval(peer, signal),
      );
    }
  }

  /** No heartbeat leaves after this: an orderly shutdown is a gateway's last word. */
  stop(): void {
    this.#stopping.abort();
  }

  async #beatOnInterval(peer: Peer, signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#context;
    await clock.sleep(settings.initDelayMs, signal);
    for (let due = clock.now(); !signal.aborted && !this.#stopping.signal.aborted;) {
      this.#beat(peer);
      due += settings.heartbeatIntervalMs;
      // After a pause of our own the missed beats are not made up for; the rhythm goes on from now.
      if (due < clock.now()) due = clock.now() + settings.heartbeatIntervalMs;
      await clock.sleep(due - clock.now(), signal);
    }
  }

  /** With heartbeats switched off no next one follows: a peer that was away when owners changed would never hear of it. */
  async #tellAgain(peer: Peer, signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#context.clock.sleep(TELL_AGAIN_MS, signal);
      if (signal.aborted || this.#stopping.signal.aborted) return;
      if (this.#untoldSince.has(peer)) this.#beat(peer);
    }
  }

  /**
   * Sends a heartbeat to every peer now, beside the rhythm: something changed that they are to hear at once. Many changes
   * of one moment go together.
   */
  flush(): void {
    if (this.#isFlushing || this.#stopping.signal.aborted) return;
    this.#isFlushing = true;
    for (const peer of this.#peers.all) this.#untoldSince.set(peer, this.#context.clock.now());
    this.#context.tasks.run('tell the peers at once', async (signal) => {
      await this.#context.clock.afterPendingIo();
      this.#isFlushing = false;
      if (signal.aborted || this.#stopping.signal.aborted) return;
      for (const peer of this.#peers.all) this.#beat(peer);
    });
  }

  /** Sends a heartbeat that asks something of the peer. The answer counts as any other does. */
  async ask(peer: Peer, ask: Ask, signal: AbortSignal): Promise<MessageOutcome> {
    const { choice } = chooseMachines(peer.choice, false, this.#context.clock.now());
    const machine = choice.machines[choice.current]?.address ?? peer.machines[0] ?? '';
    this.#context.telemetry.heartbeatSent(peer.label);
    const message = { ...this.#message(peer, 1), ask };
    const outcome = await this.#transport.sendMessage({ machine, dataCenter: peer.name }, message, signal);
    if (!signal.aborted) await this.#note(peer, machine, outcome);
    return outcome;
  }

  #beat(peer: Peer): void {
    const { clock, settings, tasks } = this.#context;
    const chosen = chooseMachines(peer.choice, settings.sendToAllMachines, clock.now());
    peer.choice = chosen.choice;
    for (const machine of chosen.addresses) {
      tasks.run(`heartbeat to ${machine}`, (signal) => this.#send(peer, machine, new Set([machine]), signal));
    }
  }

  /** Sends to one machine; where it fails at once and another may take it, goes on to that one within the same beat. */
  async #send(peer: Peer, machine: string, tried: Set<string>, signal: AbortSignal): Promise<void> {
    const { clock, settings, telemetry } = this.#context;
    const sentAt = clock.now();
    telemetry.heartbeatSent(peer.label);
    const outcome = await this.#transport.sendMessage(
      { machine, dataCenter: peer.name },
      this.#message(peer, 1),
      signal,
    );
    if (signal.aborted) return;
    if (this.#isOverruled(machine, sentAt, outcome)) return;
    if (outcome.kind === 'answered' && sentAt >= (this.#untoldSince.get(peer) ?? Infinity))
      this.#untoldSince.delete(peer);
    await this.#note(peer, machine, outcome);
    if (outcome.kind === 'answered' || settings.sendToAllMachines || this.#stopping.signal.aborted) return;
    const next = peer.choice.machines[peer.choice.current]?.address;
    const isLate = clock.now() - sentAt >= settings.heartbeatIntervalMs;
    if (next === undefined || tried.has(next) || isLate) return;
    tried.add(next);
    await this.#send(peer, next, tried, signal);
  }

  /**
   * Whether a later heartbeat to the machine was answered already: after a cut has healed, those that were stuck in it
   * still fail one by one, and say nothing about now.
   */
  #isOverruled(machine: string, sentAt: number, outcome: MessageOutcome): boolean {
    const answeredSentAt = this.#answeredSentAt.get(machine) ?? -Infinity;
    if (outcome.kind !== 'answered') return sentAt < answeredSentAt;
    this.#answeredSentAt.set(machine, Math.max(sentAt, answeredSentAt));
    return false;
  }

  async #note(peer: Peer, machine: string, outcome: MessageOutcome): Promise<void> {
    const { telemetry } = this.#context;
    switch (outcome.kind) {
      case 'answered': {
        const problem = this.#answerProblem(peer, outcome.answer);
        if (problem !== null) {
          this.#refused(peer, machine, { reason: 'wrong-data-center', detail: problem });
          return;
        }
        peer.choice = noteOutcome(peer.choice, machine, 'ok');
        peer.rttMs = Math.round(outcome.rttMs * 1000) / 1000;
        telemetry.heartbeatRtt(peer.label, outcome.rttMs / SECOND_MS);
        this.#machineLog.worked(peer.label, machine);
        this.#monitor.apply(peer, { kind: 'answered' });
        this.listener?.onAnswer(peer, outcome.answer);
        return;
      }
      case 'stale':
        peer.choice = noteOutcome(peer.choice, machine, 'ok');
        await this.#identity.raiseAbove(outcome.has);
        return;
      case 'refused':
        this.#refused(peer, machine, outcome);
        return;
      case 'failed':
        peer.choice = noteOutcome(peer.choice, machine, 'failed', `${outcome.reason}: ${outcome.detail}`);
        this.#machineLog.failed({
          peer: peer.label,
          machine,
          reason: outcome.reason,
          detail: outcome.detail,
          isRefusal: false,
        });
    }
  }

  #refused(peer: Peer, machine: string, refusal: { reason: string; detail: string }): void {
    peer.choice = noteOutcome(peer.choice, machine, 'refused', `${refusal.reason}: ${refusal.detail}`);
    this.#machineLog.failed({ peer: peer.label, machine, ...refusal, isRefusal: true });
    this.#monitor.apply(peer, { kind: 'refused' });
  }

  #answerProblem(peer: Peer, answer: PeerAnswer): string | null {
    const { dataCenter } = this.#context.settings;
    if (answer.dataCenterOrigin === dataCenter) return `the machine is the gateway of "${dataCenter}" itself`;
    if (peer.name === null || answer.dataCenterOrigin === peer.name) return null;
    return `the machine is the gateway of "${answer.dataCenterOrigin}", not of "${peer.name}"`;
  }

  #message(peer: Peer, type: 1 | 3): PeerMessage {
    const { clock, settings } = this.#context;
    const { heartbeatIntervalMs } = settings;
    const { order, countFrom } = peer.health;
    return {
      heartbeatMsgType: type,
      heartbeatCnt: this.#identity.nextCount(),
      dataCenterOrigin: settings.dataCenter,
      applicationName: settings.applicationName,
      incarnation: this.#identity.incarnation,
      sentAt: isoTime(clock.wallMs()),
      interval: heartbeatIntervalMs === Infinity ? SWITCHED_OFF_SECONDS : heartbeatIntervalMs / SECOND_MS,
      application: { status: this.#health.status() },
      lastHeard:
        order === null || !peer.wasHeard
          ? null
          : { heartbeatCnt: order.heartbeatCnt, ageMs: Math.max(0, clock.now() - countFrom) },
      protocol: PROTOCOL,
      mode: settings.mode,
      ownership: this.news?.ownership(),
      watermarks: this.news?.watermarks(),
    };
  }

  /**
   * Tells every peer that the application left in order (type 3): each of its machines until one took it, retried within
   * a bound. @returns the labels of the peers that could not be told
   */
  async farewell(signal: AbortSignal): Promise<readonly string[]> {
    this.stop();
    const told = await Promise.all(this.#peers.all.map((peer) => this.#tell(peer, signal)));
    // One that has left itself will not take our silence for a failure.
    return this.#peers.all
      .filter((peer, index) => told[index] !== true && peer.health.state !== 'left')
      .map((peer) => peer.label);
  }

  async #tell(peer: Peer, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#context;
    // A peer that is away anyway is told once, in case that it hears us.
    const deadline = clock.now() + (peer.isReachable ? FAREWELL_MS : 0);
    for (let isFirst = true; !signal.aborted && (isFirst || clock.now() < deadline); isFirst = false) {
      const sends = peer.machines.map(async (machine) => {
        const destination = { machine, dataCenter: peer.name };
        const outcome = await this.#transport.sendMessage(destination, this.#message(peer, 3), signal);
        if (outcome.kind !== 'answered') throw new Error('not told');
      });
      // One machine suffices: a second one that hangs, because its host is off, makes nobody wait.
      const told = Promise.any(sends).then(
        () => true,
        () => false,
      );
      if ((await this.#withinMs(told, 3 * SECOND_MS, signal)) === true) return true;
      if (peer.isReachable) await clock.sleep(500, signal);
    }
    return false;
  }

  async #withinMs<T>(work: Promise<T>, ms: number, signal: AbortSignal): Promise<T | undefined> {
    const timer = new AbortController();
    const late = this.#context.clock.sleep(ms, AbortSignal.any([timer.signal, signal])).then(() => undefined);
    try {
      return await Promise.race([work, late]);
    } finally {
      timer.abort();
    }
  }
}
