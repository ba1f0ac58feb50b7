import { Gauge, Histogram } from 'prom-client';
import { EVENT_TYPES } from '../core/events.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { amount, knownCounter, type FamilyContext } from './family.ts';

/** From a long garbage collection to a machine that was suspended over lunch. */
const PAUSE_BUCKETS_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600];

type Gateway = Pick<Telemetry, 'ownPause' | 'eventPublished' | 'webhookPosted'>;

/** The gateway itself: its version, its pauses, what it tells. */
export function gatewayMetrics({ registry }: FamilyContext, version: string): Gateway {
  const buildInfo = new Gauge({
    name: 'crossdc_build_info',
    help: 'Always 1; the label is the version of the gateway.',
    labelNames: ['version'] as const,
    registers: [registry],
  });
  buildInfo.set({ version }, 1);
  const pauses = new Histogram({
    name: 'crossdc_event_loop_pause_seconds',
    help: 'Pauses of the gateway itself, a stopped process or a blocked loop, for which no peer is blamed.',
    buckets: PAUSE_BUCKETS_SECONDS,
    registers: [registry],
  });
  const events = knownCounter(
    registry,
    { name: 'crossdc_events_total', help: 'Events published, by type.' },
    'type',
    Object.keys(EVENT_TYPES),
  );
  const posts = knownCounter(
    registry,
    { name: 'crossdc_webhook_posts_total', help: 'Attempts to post an event to the webhook, by outcome.' },
    'outcome',
    ['delivered', 'failed'],
  );
  return {
    ownPause: (seconds) => pauses.observe(amount(seconds)),
    eventPublished: (event) => events.inc({ type: event.type }),
    webhookPosted: (outcome) => posts.inc({ outcome }),
  };
}
