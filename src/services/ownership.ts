import { shownNotice, withinRoom } from '../core/move.ts';
import type { HearEffect, OwnershipRow } from '../core/ownership.ts';
import { GatewayError } from '../errors.ts';
import { isoTime } from '../ports/clock.ts';
import type { HistoryEntry, MoveRequest, OwnershipApi, OwnershipView } from '../ports/ownership-api.ts';
import { SECOND_MS } from '../units.ts';
import type { Ask, MovePlan, OwnershipNews, Reply } from '../wire/ownership.ts';
import type { ApplicationHealth } from './application-health.ts';
import type { Asks } from './asks.ts';
import type { Context } from './context.ts';
import type { Deliveries } from './deliveries.ts';
import type { EventHub } from './event-hub.ts';
import type { History } from './history.ts';
import type { MoveTarget } from './move-target.ts';
import type { Moves } from './moves.ts';
import type { OwnershipPlan } from './ownership-plan.ts';
import type { OwnershipTable } from './ownership-table.ts';
import type { Peer } from './peer.ts';
import type { PeerDirectory } from './peer-directory.ts';
import { SerialQueue } from './serial-queue.ts';
import type { Settlement } from './settlement.ts';
import type { Shutdown } from './shutdown.ts';
import type { Takeovers } from './takeovers.ts';

interface Parts {
  readonly table: OwnershipTable;
  readonly settlement: Settlement;
  readonly peers: PeerDirectory;
  readonly deliveries: Deliveries;
  readonly health: ApplicationHealth;
  readonly events: EventHub;
  readonly history: History;
  readonly takeovers: Takeovers;
  readonly moves: Moves;
  readonly target: MoveTarget;
  readonly plan: OwnershipPlan;
  readonly asks: Asks;
  readonly shutdown: Shutdown;
}

/** Who owns the work: what is heard, shown and asked of it, in one place. */
export class Ownership implements OwnershipApi {
  readonly #context: Context;
  readonly #parts: Parts;
  /** Effects are said in the order in which they came about. */
  readonly #queue: SerialQueue;
  /** Called when a row changed: who posts, who asks and who waits looks again. */
  onChanged: () => void = () => undefined;

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
    this.#queue = new SerialQueue(context, 'say what became of owners');
    parts.table.onEffect = (effect) => {
      this.#effect(effect);
    };
  }

  /** Says what a former run heard of owners and did not come to say. */
  start(): void {
    for (const effect of this.#parts.table.unsaid()) this.#effect(effect);
  }

  /** For every heartbeat and every answer. */
  news(): OwnershipNews {
    const { table, moves, target } = this.#parts;
    const { rows, conflicts } = table.news();
    return {
      rows: [...rows],
      conflicts: [...conflicts],
      moves: withinRoom(moves.notices()).map((notice) => ({ ...notice, missing: [...notice.missing] })),
      progress: [...target.progress()],
    };
  }

  /** What a peer says; of an older version of the protocol nothing. */
  hear(peer: Peer, news: OwnershipNews | undefined): void {
    this.#parts.settlement.heard(peer);
    if (news === undefined) return;
    this.#parts.target.heard(peer, news.moves);
    this.#parts.table.hear(news);
    this.#parts.moves.heard(peer.name, news.progress);
  }

  /** The judge of silence has looked. */
  tick(): void {
    const { settlement, table, moves, peers } = this.#parts;
    settlement.tick();
    const isAlone = peers.all.some(({ health }) => health.state !== 'up');
    table.tick((workload) => moves.isStandingDown(workload), isAlone);
  }

  #effect(effect: HearEffect): void {
    const { dataCenter: self } = this.#context.settings;
    const { events, history, table, takeovers, target } = this.#parts;
    switch (effect.kind) {
      case 'superseded': {
        const { from, to } = effect;
        this.#queue.add(async () => {
          await events.publish({ type: 'superseded', workload: to.workload, row: to, was: from });
          await history.record({
            kind: 'superseded',
            workload: to.workload,
            dataCenter: to.owner,
            actor: 'automatic',
            outcome: `"${to.owner}" owns it with epoch ${to.epoch}`,
            inputs: { row: to, was: from },
            steps: [],
          });
          await table.said(to.workload, effect);
        });
        return;
      }
      case 'changed': {
        const { from, to } = effect;
        const { workload, epoch, reason } = to;
        takeovers.ownerChanged(workload);
        this.onChanged();
        this.#queue.add(async () => {
          // A row that only has a higher epoch, because an operator forced what was contested, changes no owner.
          if (from.owner !== to.owner)
            await events.publish({ type: 'owner-changed', workload, from: from.owner, to: to.owner, epoch, reason });
          // `/primary` turns 200 last; and not at all when another one owns it by now.
          if (table.isGiven(effect) && table.isBecoming(workload)) {
            const notice = target.notice(workload);
            const startedAt = notice?.epoch === epoch ? Date.parse(notice.startedAt) : this.#context.clock.wallMs();
            const seconds = Math.max(0, this.#context.clock.wallMs() - startedAt) / SECOND_MS;
            const body = { workload, dataCenter: from.owner, epoch, reason, seconds };
            await events.publish({ type: 'takeover-completed', ...body });
          }
          await table.said(workload, effect);
          this.onChanged();
        });
        return;
      }
      case 'conflict': {
        const { conflict } = effect;
        const { workload, winner, loser } = conflict;
        this.onChanged();
        this.#queue.add(async () => {
          this.#context.log.error(
            { workload, winner, loser, overlapMs: conflict.overlapMs },
            'two data centres owned the same work; compare what both did, then `crossdc ack` it',
          );
          await events.publish({ type: 'ownership-conflict', workload, conflict });
          await history.record({
            kind: 'conflict',
            workload,
            dataCenter: loser.owner === self ? winner.owner : loser.owner,
            actor: 'automatic',
            outcome: `"${winner.owner}" (epoch ${winner.epoch}) against "${loser.owner}" (epoch ${loser.epoch})`,
            inputs: { ...conflict },
            steps: [],
          });
          await table.said(workload, effect);
        });
      }
    }
  }

  rows(): readonly OwnershipView[] {
    return this.#parts.table.all().map(({ row }) => this.row(row.workload));
  }

  row(workload: string): OwnershipView {
    const { table, takeovers, events, health } = this.#parts;
    const known = table.get(workload);
    const notPrimaryBecause = this.notPrimaryBecause(workload);
    const blockedUntil = takeovers.blockedUntilMs(workload);
    const move = this.#newestMove(workload);
    const takeover = takeovers.last(workload);
    const status = health.status();
    return {
      ...known.row,
      local: { attached: events.attached > 0 || status !== 'unknown', applicationStatus: status },
      primary: notPrimaryBecause === null,
      notPrimaryBecause,
      behind: table.owns(workload) ? this.#behind(workload) : null,
      contestedBy: known.contested,
      conflict: known.conflict?.acknowledged === false ? known.conflict : null,
      takeover: takeover === undefined ? null : { ...takeover, acknowledged: table.isAcknowledged(takeover) },
      move,
      blockedBy: takeovers.blockedBy(workload),
      blockedUntil: blockedUntil === null ? null : isoTime(blockedUntil),
    };
  }

  serving(workload: string): { row: OwnershipRow; notPrimaryBecause: string | null } {
    const { row } = this.#parts.table.get(workload);
    return { row, notPrimaryBecause: this.notPrimaryBecause(workload) };
  }

  #newestMove(workload: string): OwnershipView['move'] {
    const { moves, peers, table, target } = this.#parts;
    const last = target.notice(workload);
    const sender = last === undefined ? undefined : peers.find(last.from)?.health.state;
    const notice = last === undefined ? null : shownNotice(last, table.row(workload), sender);
    const ours = moves.notices().find((one) => one.workload === workload);
    if (ours === undefined || notice === null) return ours ?? notice;
    return ours.epoch > notice.epoch ? ours : notice;
  }

  #behind(workload: string): OwnershipView['behind'] {
    const { peers, moves } = this.#parts;
    let versions = 0;
    let seconds = 0;
    for (const peer of peers.all) {
      const { behindVersions, behindSeconds } = moves.lag(peer, workload);
      versions = Math.max(versions, behindVersions);
      if (behindVersions > 0) seconds = Math.max(seconds, behindSeconds);
    }
    return { versions, seconds };
  }

  /** Why `/primary` of the workload is 503; null: it is 200. */
  notPrimaryBecause(workload: string): string | null {
    const { rules, settings } = this.#context;
    const { table, settlement, deliveries, health, takeovers, moves, shutdown } = this.#parts;
    return rules.notPrimaryBecause(table.get(workload), {
      self: settings.dataCenter,
      isSettled: settlement.isSettled,
      isCritical: health.status() === 'critical',
      hasOpenDelivery: deliveries.hasOpenOf(workload),
      isChanging: table.isBecoming(workload) || takeovers.isUnderWay(workload) || moves.isStandingDown(workload),
      isShuttingDown: shutdown.isUnderWay,
    });
  }

  async move(request: MoveRequest): Promise<MovePlan> {
    this.#parts.shutdown.refuseIfUnderWay();
    this.#parts.table.get(request.workload);
    const decider = this.#decider(request);
    if (decider === this.#context.settings.dataCenter) return this.#decide(request);
    const peer = this.#parts.peers.find(decider);
    if (peer === undefined)
      throw new GatewayError('not-found', `"${decider}" is no data centre that this gateway knows.`, { field: 'to' });
    const { asks } = this.#parts;
    const ask: Ask = { kind: 'move', id: asks.nextId(), ...request };
    const reply = await asks.ask(peer, ask, this.#context.tasks.signal);
    if (reply.kind !== 'move') throw new GatewayError('peer-unavailable', `"${decider}" gave another answer.`);
    if (!reply.accepted && !request.dryRun) throw await this.#refused(request, reply.plan);
    return reply.plan;
  }

  /** A peer forwards what its operator asked for: it is ours to decide. */
  async asked(_peer: Peer, ask: Ask): Promise<Reply> {
    if (ask.kind !== 'move') throw new GatewayError('bad-request', 'Not a move.');
    const { kind: _kind, id, ...request } = ask;
    this.#parts.shutdown.refuseIfUnderWay();
    this.#parts.table.get(request.workload);
    try {
      return { kind: 'move', id, accepted: true, plan: await this.#decide(request) };
    } catch (error) {
      const isRefusal = error instanceof GatewayError && error.code === 'ownership-refused';
      if (!isRefusal) throw error;
      return { kind: 'move', id, accepted: false, plan: error.facts.plan as MovePlan };
    }
  }

  /** Who decides: the present owner where it can; a forced change, and that of a dead owner's work, the one who takes it. */
  #decider({ workload, to, force }: MoveRequest): string {
    const { table, peers } = this.#parts;
    const { owner } = table.row(workload);
    if (force) return to;
    if (table.owns(workload)) return owner;
    const state = peers.find(owner)?.health.state;
    return state === 'up' || state === 'suspect' ? owner : to;
  }

  async #decide(request: MoveRequest): Promise<MovePlan> {
    const { table, plan: plans, moves, takeovers } = this.#parts;
    const isMove = !request.force && table.owns(request.workload);
    const plan = isMove ? plans.move(request) : plans.takeover(request);
    if (request.dryRun) return plan;
    if (plan.checks.some(({ ok }) => !ok)) throw await this.#refused(request, plan);
    const { workload, to, force, actor } = request;
    if (isMove) await moves.begin(workload, to, actor);
    else await takeovers.begin(workload, { forced: force, actor });
    return plan;
  }

  async #refused(request: MoveRequest, plan: MovePlan): Promise<GatewayError> {
    const reasons = plan.checks.filter(({ ok }) => !ok).map(({ check, detail }) => `${check}: ${detail}`);
    const { workload, to, actor } = request;
    await this.#parts.history.record({
      kind: 'refused',
      workload,
      dataCenter: to,
      actor,
      outcome: reasons.join('; '),
      inputs: { plan },
      steps: [],
    });
    return new GatewayError(
      'ownership-refused',
      `"${workload}" is not moved to "${to}"; nothing has changed: ${reasons.join('; ')}.`,
      { facts: { plan, row: this.#parts.table.row(workload) } },
    );
  }

  released(workload: string): Promise<void> {
    this.#parts.table.get(workload);
    if (this.#parts.moves.release(workload)) return Promise.resolve();
    throw new GatewayError('not-releasing', `Nobody has asked to release "${workload}", or its time was over.`, {
      field: 'workload',
    });
  }

  async acknowledge(workload: string, actor: string): Promise<void> {
    const { table, takeovers, history } = this.#parts;
    const { conflict } = table.get(workload);
    const takeover = takeovers.last(workload);
    await table.acknowledge(workload);
    takeovers.lookNow();
    this.onChanged();
    const inputs = { conflict: conflict?.acknowledged === false ? conflict : null, takeover: takeover?.id ?? null };
    await history.record({
      kind: 'acknowledged',
      workload,
      dataCenter: null,
      actor,
      outcome: 'acknowledged',
      inputs,
      steps: [],
    });
  }

  history(after: number, limit: number): Promise<readonly HistoryEntry[]> {
    return this.#parts.history.read(after, limit);
  }
}
