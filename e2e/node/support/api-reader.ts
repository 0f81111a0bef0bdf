import { systemClock } from '../../../libs/shared/src/clock.ts';
import { CertfleetError } from '../../../libs/shared/src/errors.ts';
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
  podCertificateSigners: { group: 'certfleet.io', version: 'v1alpha1', plural: 'podcertificatesigners' },
  caRotations: { group: 'certfleet.io', version: 'v1alpha1', plural: 'carotations' },
} as const satisfies Readonly<Record<string, ApiResource>>;

const clients = new WeakMap<Cluster, Promise<KubeClient>>();

async function openClient(cluster: Cluster): Promise<KubeClient> {
  const credentials = kubeconfigCredentials(await cluster.localKubeconfig(), systemClock);
  return new KubeClient({ credentials, clock: systemClock });
}

function clientOf(cluster: Cluster): Promise<KubeClient> {
  const client = clients.get(cluster) ?? openClient(cluster);
  clients.set(cluster, client);
  return client;
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
  return (await (await clientOf(cluster)).request({ ...target, verb: 'get' })) as T;
}

/** Applies a pod by that connection. The cluster must be local. */
export async function applyPod(cluster: Cluster, pod: object): Promise<void> {
  const { name, namespace } = (pod as { readonly metadata: Record<'name' | 'namespace', string> }).metadata;
  const query = { fieldManager: 'kubectl', force: 'true' };
  await (await clientOf(cluster)).request({ resource: pods, name, namespace, query, verb: 'apply', body: pod });
}

/** Begins to delete a pod by that connection, if it exists. The cluster must be local. */
export async function deletePod(cluster: Cluster, name: string, namespace: string): Promise<void> {
  try {
    await (await clientOf(cluster)).request({ resource: pods, name, namespace, verb: 'delete' });
  } catch (thrown) {
    if (!(thrown instanceof CertfleetError) || thrown.code !== 'not-found') throw thrown;
  }
}

/** The items of a list. */
export async function listApi<T>(cluster: Cluster, target: ApiTarget): Promise<readonly T[]> {
  return (await readApi<{ readonly items: readonly T[] }>(cluster, target)).items;
}
