import type { Registry } from 'prom-client';
import type { Telemetry, TelemetrySource } from '../ports/telemetry.ts';
import type { FamilyContext } from './family.ts';
import { gatewayMetrics } from './gateway.ts';
import { handOverMetrics } from './hand-over.ts';
import { heartbeatMetrics } from './heartbeats.ts';
import { heldMetrics } from './held.ts';
import { ownershipMetrics } from './ownership.ts';
import { peerRequestMetrics } from './peer-requests.ts';
import { peerMetrics } from './peers.ts';
import { processMetrics } from './process.ts';
import { Scrape } from './scrape.ts';
import { storeMetrics } from './stores.ts';
import { snapshotMetrics } from './snapshots.ts';

export interface TelemetryOptions {
  /** A fresh one: a second telemetry on the same registry throws, because names would be given twice. */
  readonly registry: Registry;
  /** Asked at each scrape; null until the gateway is built, which is after its telemetry. */
  readonly source: () => TelemetrySource | null;
  readonly version: string;
}

/** The services' telemetry, and the text that Prometheus reads (interface §7). */
export interface PrometheusTelemetry extends Telemetry {
  /** The Content-Type of the text. */
  readonly contentType: string;
  metricsText(): Promise<string>;
}

/** Builds every family in the registry. The families together are the port: one that is missing does not compile. */
export function createTelemetry({ registry, source, version }: TelemetryOptions): PrometheusTelemetry {
  const scrape = new Scrape(source);
  const context: FamilyContext = { registry, scrape };
  processMetrics(registry);
  const gateway = gatewayMetrics(context, version);
  const ownership = ownershipMetrics(context);
  return {
    ...heartbeatMetrics(context),
    ...peerMetrics(context),
    ...snapshotMetrics(context),
    ...heldMetrics(context),
    ...storeMetrics(context),
    ...handOverMetrics(context),
    ...peerRequestMetrics(context),
    ...gateway,
    eventPublished: (event) => {
      gateway.eventPublished(event);
      ownership.eventPublished(event);
    },
    contentType: registry.contentType,
    metricsText: () => {
      scrape.refresh();
      return registry.metrics();
    },
  };
}
