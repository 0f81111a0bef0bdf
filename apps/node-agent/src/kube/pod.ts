import { CertfleetError } from '@certfleet/shared/errors.ts';

import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { pods } from '@certfleet/shared/kube/api-resource.ts';

/** The part of a pod that readiness gates use, in the API's structure. */
export interface PodState {
  readonly uid: string;
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  readonly status: {
    readonly podIPs: readonly { readonly ip: string }[];
    readonly conditions: readonly { readonly type: string; readonly status: string }[];
  };
}

interface RawPod {
  readonly metadata?: { readonly uid?: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly status?: {
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip?: string }[];
    readonly conditions?: readonly { readonly type?: string; readonly status?: string }[];
  };
}

/**
 * Reads a pod; undefined if it does not exist.
 * @throws CertfleetError as KubeClient.request does
 */
export async function getPod(
  client: Pick<KubeClient, 'request'>,
  pod: { readonly namespace: string; readonly name: string },
  signal?: AbortSignal,
): Promise<PodState | undefined> {
  try {
    const target = { resource: pods, namespace: pod.namespace, name: pod.name };
    return podState((await client.request({ verb: 'get', ...target, ...(signal && { signal }) })) as RawPod);
  } catch (thrown) {
    if (thrown instanceof CertfleetError && thrown.code === 'not-found') return undefined;
    throw thrown;
  }
}

/** Copies the few fields, so that the pod's other kilobytes are not kept while a gate waits. */
function podState(raw: RawPod): PodState {
  const { podIP = '', podIPs = [], conditions = [] } = raw.status ?? {};
  const ips = podIPs.flatMap(({ ip = '' }) => (ip === '' ? [] : [{ ip }]));
  return {
    uid: raw.metadata?.uid ?? '',
    metadata: { annotations: raw.metadata?.annotations ?? {} },
    status: {
      podIPs: ips.length === 0 && podIP !== '' ? [{ ip: podIP }] : ips,
      conditions: conditions.map(({ type = '', status = '' }) => ({ type, status })),
    },
  };
}
