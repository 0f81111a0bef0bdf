/**
 * Gauges of prom-client that have a counter's suffix, which `promtool check metrics` rejects. The metrics of the same
 * names without `_total` carry the same information by type.
 */
const misnamed = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** Removes the default metrics whose names break Prometheus' rules from a registry. */
export function dropMisnamedMetrics(registry: { removeSingleMetric(name: string): void }): void {
  for (const name of misnamed) registry.removeSingleMetric(name);
}

/** Adds the label `cluster` to every metric of a registry; none without a name. */
export function labelCluster(
  registry: { setDefaultLabels(labels: Readonly<Record<string, string>>): void },
  cluster: string | undefined,
): void {
  if (cluster !== undefined) registry.setDefaultLabels({ cluster });
}
