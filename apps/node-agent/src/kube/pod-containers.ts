import { getObject } from '@certfleet/shared/kube/get-object.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { pods } from '@certfleet/shared/kube/api-resource.ts';

export interface PodContainer {
  readonly name: string;
  /** Of the container runtime, without the runtime's name; undefined unless it runs. */
  readonly runningId: string | undefined;
}

/** The containers of a pod, init containers included. */
export interface PodContainers {
  readonly uid: string;
  readonly nodeName: string;
  readonly containers: readonly PodContainer[];
}

interface RawStatus {
  readonly name?: string;
  readonly containerID?: string;
  readonly state?: { readonly running?: object };
}

interface RawPod {
  readonly metadata?: { readonly uid?: string };
  readonly spec?: { readonly nodeName?: string };
  readonly status?: {
    readonly containerStatuses?: readonly RawStatus[];
    readonly initContainerStatuses?: readonly RawStatus[];
  };
}

/**
 * Reads the containers of a pod; undefined if it does not exist.
 * @throws CertfleetError as KubeClient.request does
 */
export async function getPodContainers(
  client: Pick<KubeClient, 'request'>,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<PodContainers | undefined> {
  const found = (await getObject(client, { resource: pods, namespace, name, signal })) as RawPod | undefined;
  if (found === undefined) return undefined;
  const { metadata, spec, status } = found;
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  return { uid: metadata?.uid ?? '', nodeName: spec?.nodeName ?? '', containers: statuses.map(podContainer) };
}

function podContainer({ name = '', containerID = '', state }: RawStatus): PodContainer {
  const id = containerID.slice(containerID.indexOf('://') + 3);
  const isRunning = state?.running !== undefined && containerID.includes('://');
  return { name, runningId: isRunning ? id : undefined };
}
