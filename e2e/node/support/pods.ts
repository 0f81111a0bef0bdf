import { events } from '../../../libs/shared/src/kube/api-resource.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { waitUntil } from '../../cluster/wait.ts';
import { applyPod, deletePod, listApi, readApi, resources } from './api-reader.ts';
import { defaultNamespace } from './certificate-pod.ts';
import type { PodRef } from './pod-files.ts';

const betweenReadsMs = 200;

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
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
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
export async function applyPodsAndWaitReady(
  cluster: Cluster,
  pods: readonly object[],
  timeoutMs = 90_000,
): Promise<void> {
  if (cluster.capabilities.node) await Promise.all(pods.map((pod) => applyPod(cluster, pod)));
  else await cluster.apply(pods);
  const refs = pods as readonly { metadata: { name: string; namespace: string } }[];
  const namespaces = new Set(refs.map(({ metadata }) => metadata.namespace));
  for (const namespace of namespaces) {
    const names = refs.filter(({ metadata }) => metadata.namespace === namespace).map(({ metadata }) => metadata.name);
    await waitReady(cluster, { names, namespace, timeoutMs });
  }
}

const isReady = ({ status }: PodObject): boolean =>
  status.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;

/** Waits until pods are Ready; a timeout error shows the pods' events. */
export async function waitReady(
  cluster: Cluster,
  order: { readonly names: readonly string[]; readonly namespace?: string; readonly timeoutMs?: number },
): Promise<void> {
  const { names, namespace = defaultNamespace, timeoutMs = 90_000 } = order;
  const areReady = async (): Promise<boolean> => {
    const ready = new Set((await listPods(cluster, namespace)).filter(isReady).map(({ metadata }) => metadata.name));
    return names.every((name) => ready.has(name));
  };
  const explain = async (): Promise<string> => {
    const { stdout } = await cluster.kubectl(['get', 'events', '-n', namespace, '--sort-by=.lastTimestamp']);
    return stdout.split('\n').slice(-30).join('\n');
  };
  // A wait by kubectl is cheaper there than many reads.
  if (!cluster.capabilities.node) {
    const pods = names.map((name) => `pod/${name}`);
    await cluster.kubectl([
      'wait',
      '--for=condition=Ready',
      ...pods,
      '-n',
      namespace,
      `--timeout=${timeoutMs / 1000}s`,
    ]);
    return;
  }
  await waitUntil(`${names.join(', ')} to be Ready`, areReady, { timeoutMs, intervalMs: betweenReadsMs, explain });
}

/** Deletes pods and waits until the kubelet has removed all of them. */
export async function deletePods(
  cluster: Cluster,
  names: readonly string[],
  namespace = defaultNamespace,
): Promise<void> {
  if (!cluster.capabilities.node) {
    const flags = ['--wait', '--timeout=90s', '--ignore-not-found'];
    await cluster.kubectl(['delete', 'pod', ...names, '-n', namespace, ...flags]);
    return;
  }
  const uidsOf = async (): Promise<readonly string[]> =>
    (await listPods(cluster, namespace))
      .filter(({ metadata }) => names.includes(metadata.name))
      .map(({ metadata }) => metadata.uid);
  const deleted = await uidsOf();
  await Promise.all(names.map((name) => deletePod(cluster, name, namespace)));
  const areGone = async (): Promise<boolean> => (await uidsOf()).every((uid) => !deleted.includes(uid));
  await waitUntil(`${names.join(', ')} to be gone`, areGone, { timeoutMs: 90_000, intervalMs: betweenReadsMs });
}

/** Waits for the agent's Event with that reason on the pod, and returns the output of `kubectl describe pod`. */
export async function describeWithEvent(
  cluster: Cluster,
  { name, namespace = defaultNamespace }: PodRef,
  reason: string,
): Promise<string> {
  const query = { fieldSelector: `involvedObject.kind=Pod,involvedObject.name=${name},reason=${reason}` };
  const isThere = async (): Promise<boolean> =>
    (await listApi(cluster, { resource: events, namespace, query })).length > 0;
  await waitUntil(`an Event ${reason} of ${name}`, isThere, { timeoutMs: 60_000, intervalMs: betweenReadsMs });
  return (await cluster.kubectl(['describe', 'pod', name, '-n', namespace])).stdout;
}
