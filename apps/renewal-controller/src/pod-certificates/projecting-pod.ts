import type { ObjectMeta } from '@certfleet/shared/kube/api-resource.ts';
import { workloadOfPod } from '@certfleet/shared/kube/workload-of-pod.ts';
import { defaultExpirationSeconds, projectionKey, stringsOf } from './projection-key.ts';

/** One certificate of a pod: its equal podCertificate sources. */
export interface PodProjection {
  readonly key: string;
  readonly signer: string;
  readonly keyType: string;
  /** Names of the volumes of the pod that project it. */
  readonly volumes: readonly string[];
}

/** A pod that projects certificates. */
export interface ProjectingPod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** Empty until the pod is scheduled. */
  readonly node: string;
  readonly serviceAccount: string;
  /** Kind and name, such as `Deployment/web`. */
  readonly workload: string;
  /** By the clock of the API server. */
  readonly createdMs: number;
  /** When it got its node, by the same clock; undefined before. */
  readonly scheduledMs?: number;
  /** Empty once the pod has ended: the kubelet then refreshes nothing. */
  readonly projections: readonly PodProjection[];
}

interface Owner {
  readonly kind?: string;
  readonly name?: string;
  readonly controller?: boolean;
}

interface RawPod {
  readonly metadata?: Omit<ObjectMeta, 'ownerReferences'> & { readonly ownerReferences?: readonly Owner[] };
  readonly spec?: {
    readonly nodeName?: string;
    readonly serviceAccountName?: string;
    readonly volumes?: readonly RawVolume[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly {
      readonly type?: string;
      readonly status?: string;
      readonly lastTransitionTime?: string;
    }[];
  };
}

interface RawVolume {
  readonly name?: string;
  readonly projected?: {
    readonly sources?: readonly { readonly podCertificate?: Readonly<Record<string, unknown>> }[];
  };
}

const endedPhases: ReadonlySet<string | undefined> = new Set(['Succeeded', 'Failed']);

/** Bounds what one pod adds to the index: its author could otherwise fill it. */
const maxProjections = 16;

/** Reads the few fields of a pod that rows need; undefined if it projects no certificate. */
export function parsePod(raw: unknown): ProjectingPod | undefined {
  const { metadata = {}, spec = {}, status } = (raw ?? {}) as RawPod;
  const projections = projectionsOf(spec.volumes ?? []);
  if (metadata.uid === undefined || projections.length === 0) return undefined;
  const { nodeName: node = '', serviceAccountName: serviceAccount = 'default' } = spec;
  const hasEnded = endedPhases.has(status?.phase);
  return {
    ...identityOf(metadata.uid, metadata),
    ...scheduledOf(status),
    ...{ node, serviceAccount, projections: hasEnded ? [] : projections },
  };
}

function scheduledOf({ conditions = [] }: NonNullable<RawPod['status']> = {}): Pick<ProjectingPod, 'scheduledMs'> {
  const found = conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'True');
  const scheduledMs = Date.parse(found?.lastTransitionTime ?? '');
  return Number.isNaN(scheduledMs) ? {} : { scheduledMs };
}

function identityOf(
  uid: string,
  metadata: NonNullable<RawPod['metadata']>,
): Pick<ProjectingPod, 'uid' | 'namespace' | 'name' | 'createdMs' | 'workload'> {
  const { name = '', namespace = '', creationTimestamp = '' } = metadata;
  return { uid, namespace, name, createdMs: Date.parse(creationTimestamp) || 0, workload: workloadOf(name, metadata) };
}

function projectionsOf(volumes: readonly RawVolume[]): readonly PodProjection[] {
  const found = new Map<string, PodProjection>();
  for (const { name = '', projected } of volumes) {
    for (const { podCertificate: source } of projected?.sources ?? []) {
      if (source === undefined) continue;
      const { signer, keyType, key } = keyOf(source);
      const known = found.get(key)?.volumes ?? [];
      if (known.length === 0 && found.size === maxProjections) continue;
      found.set(key, { key, signer, keyType, volumes: known.includes(name) ? known : [...known, name] });
    }
  }
  return [...found.values()];
}

function keyOf(source: Readonly<Record<string, unknown>>): Pick<PodProjection, 'key' | 'signer' | 'keyType'> {
  const signer = textOf(source['signerName']);
  const keyType = textOf(source['keyType']);
  const seconds = source['maxExpirationSeconds'];
  const maxExpirationSeconds = typeof seconds === 'number' ? seconds : defaultExpirationSeconds;
  const annotations = stringsOf(source['userAnnotations']);
  return { signer, keyType, key: projectionKey({ signer, keyType, maxExpirationSeconds, annotations }) };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Kind and name of a pod's workload, as agents name that of a volume. */
function workloadOf(podName: string, { ownerReferences = [], labels = {} }: NonNullable<RawPod['metadata']>): string {
  const owner = ownerReferences.find(({ controller }) => controller === true);
  const controller = owner?.kind && owner.name ? { kind: owner.kind, name: owner.name } : undefined;
  const { kind, name } = workloadOfPod(podName, controller, labels);
  return `${kind}/${name}`;
}
