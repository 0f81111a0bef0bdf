import { systemClock } from '../../../libs/shared/src/clock.ts';
import { KubeClient } from '../../../libs/shared/src/kube/api-client.ts';
import { apiPath, pods, type ApiResource, type ApiTarget } from '../../../libs/shared/src/kube/api-resource.ts';
import { kubeconfigCredentials } from '../../../libs/shared/src/kube/kubeconfig-credentials.ts';
import type { Cluster } from '../../cluster/cluster.ts';

/** What tests read again and again. */
export const resources = {
  pods,
  secrets: { group: '', version: 'v1', plural: 'secrets' },
  csiDrivers: { group: 'storage.k8s.io', version: 'v1', plural: 'csidrivers' },
  certificateRequests: { group: 'cert-manager.io', version: 'v1', plural: 'certificaterequests' },
  podCertificateRequests: { group: 'certificates.k8s.io', version: 'v1', plural: 'podcertificaterequests' },
  caRotations: { group: 'certfleet.io', version: 'v1alpha1', plural: 'carotations' },
} as const satisfies Readonly<Record<string, ApiResource>>;

const clients = new WeakMap<Cluster, Promise<KubeClient>>();

async function openClient(cluster: Cluster): Promise<KubeClient> {
  const credentials = kubeconfigCredentials(await cluster.localKubeconfig(), systemClock);
  return new KubeClient({ credentials, clock: systemClock });
}

/**
 * Reads an object, or a list of them, by a connection of this process: a kubectl costs a tenth of a core-second, and
 * tests read many times a second.
 */
export async function readApi<T>(cluster: Cluster, target: ApiTarget): Promise<T> {
  if (!cluster.capabilities.node) {
    // Its API server may be in a network that only its commands reach.
    return JSON.parse((await cluster.kubectl(['get', '--raw', apiPath(target)])).stdout) as T;
  }
  const client = clients.get(cluster) ?? openClient(cluster);
  clients.set(cluster, client);
  return (await (await client).request({ ...target, verb: 'get' })) as T;
}

/** The items of a list. */
export async function listApi<T>(cluster: Cluster, target: ApiTarget): Promise<readonly T[]> {
  return (await readApi<{ readonly items: readonly T[] }>(cluster, target)).items;
}
