import type { Cluster } from '../../cluster/cluster.ts';
import { listApi, readApi, resources } from './api-reader.ts';
import { defaultNamespace } from './certificate-pod.ts';
import { followUntil } from './follow.ts';
import type { PodRef } from './pod-files.ts';

/** The fields of a pod that tests check. */
export interface PodObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
  };
  readonly spec: {
    readonly containers: readonly { readonly image: string }[];
    readonly volumes: readonly { readonly name: string; readonly csi?: { readonly driver: string } }[];
  };
  readonly status: {
    readonly podIP?: string;
    readonly containerStatuses?: readonly {
      readonly containerID: string;
      readonly restartCount: number;
      readonly ready: boolean;
      readonly state: { readonly running?: { readonly startedAt: string } };
    }[];
  };
}

/** A CertificateRequest in the API server. */
export interface CertificateRequestObject {
  readonly metadata: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences: readonly object[];
  };
  readonly spec: { readonly username: string; readonly duration: string };
}

/** The current pod in the API server. */
export function getPod(cluster: Cluster, { name, namespace = defaultNamespace }: PodRef): Promise<PodObject> {
  return readApi(cluster, { resource: resources.pods, namespace, name });
}

/** The pods of a namespace. */
export function listPods(cluster: Cluster, namespace = defaultNamespace): Promise<readonly PodObject[]> {
  return listApi(cluster, { resource: resources.pods, namespace });
}

/** The requests of a namespace that this pod owns. */
export async function requestsOf(cluster: Cluster, pod: PodObject): Promise<readonly CertificateRequestObject[]> {
  const { namespace, uid } = pod.metadata;
  const all = await listApi<CertificateRequestObject>(cluster, { resource: resources.certificateRequests, namespace });
  return all.filter(({ metadata: { ownerReferences } }) =>
    ownerReferences.some((owner) => 'uid' in owner && owner.uid === uid),
  );
}

/** Applies pods and waits until all of them are Ready. */
export async function applyPodsAndWaitReady(cluster: Cluster, pods: readonly object[], timeout = '90s'): Promise<void> {
  await cluster.apply(pods);
  const refs = pods as readonly { metadata: { name: string; namespace: string } }[];
  const namespaces = new Set(refs.map(({ metadata }) => metadata.namespace));
  for (const namespace of namespaces) {
    const names = refs.filter(({ metadata }) => metadata.namespace === namespace).map(({ metadata }) => metadata.name);
    await waitReady(cluster, { names, namespace, timeout });
  }
}

/** Waits until pods are Ready; a timeout error shows the pods' events. */
export async function waitReady(
  cluster: Cluster,
  order: { readonly names: readonly string[]; readonly namespace?: string; readonly timeout?: string },
): Promise<void> {
  const { names, namespace = defaultNamespace, timeout = '90s' } = order;
  const pods = names.map((name) => `pod/${name}`);
  try {
    await cluster.kubectl(['wait', '--for=condition=Ready', ...pods, '-n', namespace, `--timeout=${timeout}`]);
  } catch (cause) {
    const { stdout } = await cluster.kubectl(['get', 'events', '-n', namespace, '--sort-by=.lastTimestamp']);
    throw new Error(`not ready:\n${stdout.split('\n').slice(-30).join('\n')}`, { cause });
  }
}

/** Deletes pods and waits until the kubelet has removed all of them. */
export async function deletePods(
  cluster: Cluster,
  names: readonly string[],
  namespace = defaultNamespace,
): Promise<void> {
  await cluster.kubectl(['delete', 'pod', ...names, '-n', namespace, '--wait', '--timeout=90s', '--ignore-not-found']);
}

/** Waits for the agent's Event with that reason on the pod, and returns the output of `kubectl describe pod`. */
export async function describeWithEvent(
  cluster: Cluster,
  { name, namespace = defaultNamespace }: PodRef,
  reason: string,
): Promise<string> {
  const selector = `involvedObject.kind=Pod,involvedObject.name=${name},reason=${reason}`;
  const watch = ['get', 'events', '--watch', '--output=name', `--field-selector=${selector}`, '-n', namespace];
  await followUntil(cluster, watch, (lines) => lines.length > 0);
  return (await cluster.kubectl(['describe', 'pod', name, '-n', namespace])).stdout;
}
