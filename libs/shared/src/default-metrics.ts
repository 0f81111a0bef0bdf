/**
 * Gauges of prom-client's defaults that are named as counters are, which `promtool check metrics` objects to. What they
 * say, their namesakes without `_total` say by type.
 */
const misnamed = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** Takes the default metrics whose names break Prometheus' rules out of a registry. */
export function dropMisnamedMetrics(registry: { removeSingleMetric(name: string): void }): void {
  for (const name of misnamed) registry.removeSingleMetric(name);
}
