import type { ApiResource, ObjectMeta } from '@certfleet/shared/kube/api-resource.ts';

/** The kinds of workloads that the controller rolls: those whose controllers replace pods after a change of the template. */
export const workloadResources = {
  Deployment: { group: 'apps', version: 'v1', plural: 'deployments' },
  StatefulSet: { group: 'apps', version: 'v1', plural: 'statefulsets' },
  DaemonSet: { group: 'apps', version: 'v1', plural: 'daemonsets' },
} as const satisfies Readonly<Record<string, ApiResource>>;

export type WorkloadKind = keyof typeof workloadResources;

export function isWorkloadKind(kind: string): kind is WorkloadKind {
  return Object.hasOwn(workloadResources, kind);
}

/** A workload, as an owner reference names it. */
export interface WorkloadRef {
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

type IntOrPercent = number | string;

interface RollingUpdate {
  readonly maxUnavailable?: IntOrPercent;
  readonly maxSurge?: IntOrPercent;
  readonly partition?: number;
}

interface UpdateStrategy {
  readonly type?: string;
  readonly rollingUpdate?: RollingUpdate;
}

/** The fields of a workload that a rollout depends on. */
export interface Workload {
  readonly metadata?: ObjectMeta;
  readonly spec?: {
    readonly replicas?: number;
    readonly paused?: boolean;
    /** Of a Deployment. */
    readonly strategy?: UpdateStrategy;
    /** Of the others. */
    readonly updateStrategy?: UpdateStrategy;
    readonly template?: {
      readonly metadata?: {
        readonly labels?: Readonly<Record<string, string>>;
        readonly annotations?: Readonly<Record<string, string>>;
      };
    };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly desiredNumberScheduled?: number;
    readonly updatedNumberScheduled?: number;
    /** Of a DaemonSet. */
    readonly numberAvailable?: number;
    /** Of the others. */
    readonly availableReplicas?: number;
  };
}

/**
 * The annotation of the pod template that a rollout sets, and that its pods inherit. A pod whose value differs from the
 * template's was made before the last rollout, which replaces it.
 */
export const rolloutAnnotation = 'certfleet.io/restarted-at';

/** The value of the annotation; empty before the first rollout. */
export function markOf(metadata: Pick<ObjectMeta, 'annotations'> | undefined): string {
  return metadata?.annotations?.[rolloutAnnotation] ?? '';
}

/** How many pods a rollout may take down at once, or why it must not start. */
export type RolloutState = { readonly blocked: string } | { readonly maxUnavailable: number };

/** Also of a rollout that somebody else started. */
export const inProgress: RolloutState = { blocked: 'an earlier rollout is in progress' };

/**
 * Whether a change of the template would replace the pods now. A workload with pods that are not available may be rolled:
 * its own strategy counts them, and an expired certificate may be the reason.
 */
export function rolloutState(kind: WorkloadKind, { metadata, spec = {}, status = {} }: Workload): RolloutState {
  if ((status.observedGeneration ?? 0) < (metadata?.generation ?? 0)) return inProgress;
  if (kind === 'Deployment') return deploymentState(spec, status);
  const { type = 'RollingUpdate' } = spec.updateStrategy ?? {};
  if (type !== 'RollingUpdate')
    return { blocked: `its updateStrategy is ${type}, so a change of the template replaces no pod` };
  return kind === 'StatefulSet' ? statefulSetState(spec, status) : daemonSetState(spec, status);
}

/** Whether all pods that it should have are available. */
export function isAvailable(kind: WorkloadKind, { spec = {}, status = {} }: Workload): boolean {
  if (kind === 'DaemonSet') return (status.numberAvailable ?? 0) >= (status.desiredNumberScheduled ?? 0);
  return (status.availableReplicas ?? 0) >= (spec.replicas ?? 1);
}

export function podLabels({ spec }: Workload): Readonly<Record<string, string>> {
  return spec?.template?.metadata?.labels ?? {};
}

type Spec = NonNullable<Workload['spec']>;
type Status = NonNullable<Workload['status']>;

function deploymentState({ paused, replicas = 1, strategy }: Spec, status: Status): RolloutState {
  if (paused === true) return { blocked: 'it is paused' };
  const { updatedReplicas = 0, replicas: present = 0 } = status;
  if (updatedReplicas < replicas || present > updatedReplicas) return inProgress;
  return { maxUnavailable: strategy?.type === 'Recreate' ? replicas : maxDown(strategy?.rollingUpdate, replicas) };
}

/** Both numbers cannot be 0; the deployment controller then takes one pod down. */
function maxDown(rollingUpdate: RollingUpdate | undefined, replicas: number): number {
  const { maxUnavailable = '25%', maxSurge = '25%' } = rollingUpdate ?? {};
  const unavailable = resolved(maxUnavailable, replicas, Math.floor);
  return unavailable === 0 && resolved(maxSurge, replicas, Math.ceil) === 0 ? 1 : unavailable;
}

function statefulSetState({ replicas = 1, updateStrategy }: Spec, { updatedReplicas = 0 }: Status): RolloutState {
  const { partition = 0, maxUnavailable = 1 } = updateStrategy?.rollingUpdate ?? {};
  if (updatedReplicas < replicas - partition) return inProgress;
  return { maxUnavailable: Math.max(1, resolved(maxUnavailable, replicas, Math.ceil)) };
}

function daemonSetState({ updateStrategy }: Spec, status: Status): RolloutState {
  const { desiredNumberScheduled = 0, updatedNumberScheduled = 0 } = status;
  if (updatedNumberScheduled < desiredNumberScheduled) return inProgress;
  const { maxUnavailable = 1, maxSurge = 0 } = updateStrategy?.rollingUpdate ?? {};
  if (resolved(maxSurge, desiredNumberScheduled, Math.ceil) > 0) return { maxUnavailable: 0 };
  return { maxUnavailable: Math.max(1, resolved(maxUnavailable, desiredNumberScheduled, Math.ceil)) };
}

/** A number of pods, or a percentage of all. */
function resolved(value: IntOrPercent, total: number, round: (value: number) => number): number {
  if (typeof value === 'number') return value;
  return round((Number.parseFloat(value) / 100) * total);
}
