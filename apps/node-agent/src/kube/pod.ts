import { getObject } from '@certfleet/shared/kube/get-object.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { pods } from '@certfleet/shared/kube/api-resource.ts';

/** The part of a pod that readiness gates, probes and variables use, in the API's structure. */
export interface PodState {
  readonly uid: string;
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    /** The object that manages the pod; undefined if none does. */
    readonly controller?: { readonly kind: string; readonly name: string } | undefined;
  };
  readonly spec: {
    readonly nodeName: string;
    readonly hostNetwork: boolean;
    /** Empty if unset, as are the other names. */
    readonly hostname: string;
    readonly hostnameOverride: string;
    readonly subdomain: string;
  };
  readonly status: {
    readonly podIPs: readonly { readonly ip: string }[];
    /** Of the pod's node. */
    readonly hostIPs: readonly { readonly ip: string }[];
    readonly conditions: readonly { readonly type: string; readonly status: string }[];
  };
}

interface RawPod {
  readonly metadata?: {
    readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly {
      readonly kind?: string;
      readonly name?: string;
      readonly controller?: boolean;
    }[];
  };
  readonly spec?: Partial<PodState['spec']>;
  readonly status?: {
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip?: string }[];
    readonly hostIP?: string;
    readonly hostIPs?: readonly { readonly ip?: string }[];
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
  const target = { resource: pods, namespace: pod.namespace, name: pod.name, ...(signal && { signal }) };
  const found = (await getObject(client, target)) as RawPod | undefined;
  return found && podState(found);
}

/** Copies the few fields, so that the pod's other kilobytes are not kept while a gate waits. */
function podState(raw: RawPod): PodState {
  const { podIP, podIPs, hostIP, hostIPs, conditions = [] } = raw.status ?? {};
  const { labels = {}, annotations = {}, ownerReferences } = raw.metadata ?? {};
  return {
    uid: raw.metadata?.uid ?? '',
    metadata: { labels, annotations, controller: controllerOf(ownerReferences) },
    spec: podSpec(raw.spec),
    status: {
      podIPs: addressList(podIP, podIPs),
      hostIPs: addressList(hostIP, hostIPs),
      conditions: conditions.map(({ type = '', status = '' }) => ({ type, status })),
    },
  };
}

/** At most one owner manages a pod. */
function controllerOf(
  owners: NonNullable<RawPod['metadata']>['ownerReferences'] = [],
): PodState['metadata']['controller'] {
  const { kind = '', name = '' } = owners.find(({ controller }) => controller === true) ?? {};
  return kind === '' || name === '' ? undefined : { kind, name };
}

function podSpec({
  nodeName = '',
  hostNetwork = false,
  hostname = '',
  hostnameOverride = '',
  subdomain = '',
}: Partial<PodState['spec']> = {}): PodState['spec'] {
  return { nodeName, hostNetwork, hostname, hostnameOverride, subdomain };
}

/** The list of addresses, or the single field that clusters without dual stack fill. */
export function addressList(
  single = '',
  all: readonly { readonly ip?: string }[] = [],
): readonly { readonly ip: string }[] {
  const ips = all.flatMap(({ ip = '' }) => (ip === '' ? [] : [{ ip }]));
  return ips.length === 0 && single !== '' ? [{ ip: single }] : ips;
}
