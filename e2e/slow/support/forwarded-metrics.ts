import type { Cluster } from '../../cluster/cluster.ts';
import type { PodObject } from '../../node/support/pods.ts';
import { chartRules, withEverything } from '../../observability/support/chart-rules.ts';
import { PrometheusServer } from '../../observability/support/prometheus-server.ts';

/** A Prometheus that scrapes the signer's pod, with the chart's alerts of the signer as they are. */
export async function forwardedMetrics(cluster: Cluster, { metadata, status }: PodObject): Promise<PrometheusServer> {
  const { port } = await cluster.forward(9402, status.podIP);
  // The namespace of the rendered rules.
  const labels = { namespace: 'cert-manager', pod: metadata.name };
  const target = { address: `127.0.0.1:${port}`, labels };
  const rules = await chartRules(withEverything);
  return PrometheusServer.start(
    [{ job: 'pod-certificate-signer', targets: [target] }],
    rules.filter(({ expr }) => expr.includes('certfleet_signer_')),
  );
}
