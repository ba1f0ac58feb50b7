import { Counter, Gauge } from 'prom-client';
import type { EventBody, GatewayEvent } from '../core/events.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { FamilyContext } from './family.ts';

const TAKEOVER_OUTCOMES = ['completed', 'cancelled'] as const;
const MOVE_OUTCOMES = ['completed', 'rolled-back'] as const;

/** Who owns the work, and how often that changed; the counters count the events, so that the two cannot disagree. */
export function ownershipMetrics(context: FamilyContext): Pick<Telemetry, 'eventPublished'> {
  ownershipGauges(context);
  const takeovers = workloadCounter(
    context,
    { name: 'crossdc_takeovers_total', help: 'Takeovers by this gateway that ended, by outcome.' },
    TAKEOVER_OUTCOMES,
  );
  const moves = workloadCounter(
    context,
    {
      name: 'crossdc_ownership_moves_total',
      help: 'Planned changes of owner of which this gateway saw the end, switchovers and fail-backs, by outcome.',
    },
    MOVE_OUTCOMES,
  );
  const conflicts = new Counter({
    name: 'crossdc_ownership_conflicts_total',
    help: 'Conflicts in which two data centres owned the same work for a time.',
    labelNames: ['workload'] as const,
    registers: [context.registry],
    collect() {
      for (const { workload } of context.scrape.ownership) this.inc({ workload }, 0);
    },
  });
  return {
    eventPublished: (event: GatewayEvent) => {
      if (event.type === 'ownership-conflict') conflicts.inc({ workload: event.workload });
      const takeover = takeoverOutcome(event);
      if (takeover !== null) takeovers.inc(takeover);
      const move = moveOutcome(event);
      if (move !== null) moves.inc(move);
    },
  };
}

interface Ended<Outcome extends string> {
  readonly workload: string;
  readonly outcome: Outcome;
}

/** A planned move is said to be completed, or called off, in the same words where it arrives. */
function takeoverOutcome(event: EventBody): Ended<(typeof TAKEOVER_OUTCOMES)[number]> | null {
  switch (event.type) {
    case 'takeover-completed':
      return event.reason === 'takeover' ? { workload: event.workload, outcome: 'completed' } : null;
    case 'takeover-cancelled':
      return event.move === undefined ? { workload: event.workload, outcome: 'cancelled' } : null;
    default:
      return null;
  }
}

function moveOutcome(event: EventBody): Ended<(typeof MOVE_OUTCOMES)[number]> | null {
  switch (event.type) {
    case 'owner-changed':
      return event.reason === 'switchover' || event.reason === 'failback'
        ? { workload: event.workload, outcome: 'completed' }
        : null;
    case 'move-rolled-back':
      return { workload: event.workload, outcome: 'rolled-back' };
    default:
      return null;
  }
}

function ownershipGauges({ registry, scrape }: FamilyContext): void {
  const registers = [registry];
  new Gauge({
    name: 'crossdc_ownership_epoch',
    help: 'The epoch of the row of the workload; it only grows.',
    labelNames: ['workload'] as const,
    registers,
    collect() {
      this.reset();
      for (const { workload, epoch } of scrape.ownership) this.set({ workload }, epoch);
    },
  });
  new Gauge({
    name: 'crossdc_ownership_owner',
    help: 'Always 1; the label is the owner of the workload by the word of this gateway.',
    labelNames: ['workload', 'owner'] as const,
    registers,
    collect() {
      // The owner before leaves no series behind.
      this.reset();
      for (const { workload, owner } of scrape.ownership) this.set({ workload, owner }, 1);
    },
  });
  new Gauge({
    name: 'crossdc_primary',
    help: '1 while this data centre owns the workload and is ready to serve it, as /primary says; else 0.',
    labelNames: ['workload'] as const,
    registers,
    collect() {
      this.reset();
      for (const { workload, primary } of scrape.ownership) this.set({ workload }, primary ? 1 : 0);
    },
  });
}

/** A counter with a series for each workload and outcome, present with 0 as soon as the gateway knows the workload. */
function workloadCounter(
  { registry, scrape }: FamilyContext,
  described: { readonly name: string; readonly help: string },
  outcomes: readonly string[],
): Counter<'workload' | 'outcome'> {
  return new Counter({
    ...described,
    labelNames: ['workload', 'outcome'] as const,
    registers: [registry],
    collect() {
      for (const { workload } of scrape.ownership) for (const outcome of outcomes) this.inc({ workload, outcome }, 0);
    },
  });
}
