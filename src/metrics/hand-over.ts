import { Gauge } from 'prom-client';
import type { DeliveryReason } from '../core/delivery.ts';
import type { CommandOutcome } from '../core/events.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { bounded, knownCounter, OTHER, type FamilyContext } from './family.ts';

const REASONS = Object.keys({ takeover: true, return: true, manual: true } satisfies Record<DeliveryReason, true>);
const OUTCOMES = Object.keys({
  succeeded: true,
  failed: true,
  'timed-out': true,
  'not-started': true,
} satisfies Record<CommandOutcome, true>);

/** What follows a peer's death: deliveries to the application, and the operator's command. */
export function handOverMetrics({
  registry,
  scrape,
}: FamilyContext): Pick<Telemetry, 'deliveryCreated' | 'commandRun'> {
  const deliveries = knownCounter(
    registry,
    { name: 'crossdc_deliveries_total', help: 'Deliveries created, by reason.' },
    'reason',
    REASONS,
  );
  new Gauge({
    name: 'crossdc_deliveries_open',
    help: 'Deliveries that the application has not settled yet.',
    registers: [registry],
    collect() {
      this.set(scrape.deliveriesOpen);
    },
  });
  const commands = knownCounter(
    registry,
    { name: 'crossdc_failover_command_runs_total', help: 'Runs of the failover command, by outcome.' },
    'outcome',
    OUTCOMES,
  );
  return {
    deliveryCreated: (reason) => deliveries.inc({ reason: bounded([...REASONS, OTHER], reason) }),
    commandRun: (outcome) => commands.inc({ outcome: bounded(OUTCOMES, outcome) }),
  };
}
