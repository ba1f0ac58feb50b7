import { collectDefaultMetrics, type Registry } from 'prom-client';

/**
 * The process metrics that are usual for Node.js, less three gauges of prom-client that end in `_total`: only a
 * counter may, and `promtool check metrics` refuses the whole text for them. What they sum up is there by type.
 */
export function processMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  for (const name of ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']) {
    registry.removeSingleMetric(name);
  }
}
