import { render } from '../../chart/render-chart.ts';
import type { Cluster } from '../../cluster/cluster.ts';

/** Name of the signer's ServiceAccount and Lease in the chart. */
export const signerAccount = 'certfleet-pod-certificate-signer';

/**
 * Creates what the chart creates for the signer, except for its Deployment: definitions, ServiceAccount and rights.
 * @returns a token of the ServiceAccount
 */
export async function installSignerRights(
  cluster: Cluster,
  namespace: string,
  values: { readonly signerNames: readonly string[]; readonly caSecrets: readonly string[] },
): Promise<string> {
  const chart = await render({
    'controller.enabled': false,
    'podCertificateSigner.enabled': true,
    'podCertificateSigner.signerNames': values.signerNames,
    'podCertificateSigner.caSecrets': values.caSecrets,
  });
  const kinds = /^(ClusterRole|ClusterRoleBinding|Role|RoleBinding|ServiceAccount|CustomResourceDefinition)$/;
  await cluster.apply(
    chart.filter(({ kind, metadata }) => kinds.test(kind) && /sign|lanepolicies/.test(metadata.name)),
  );
  const definitions = ['crd/podcertificatesigners.certfleet.io', 'crd/lanepolicies.certfleet.io'];
  await cluster.kubectl(['wait', '--for=condition=Established', ...definitions, '--timeout=60s']);
  const token = ['create', 'token', signerAccount, '--namespace', namespace, '--duration', '24h'];
  return (await cluster.kubectl(token)).stdout.trim();
}
