import { randomUUID } from 'node:crypto';
import { getObject } from '@certfleet/shared/kube/get-object.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { events, pods } from '@certfleet/shared/kube/api-resource.ts';
import type { ApiResource, ObjectMeta } from '@certfleet/shared/kube/api-resource.ts';
import { listAll } from '@certfleet/shared/kube/list-all.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { DisruptionBudget } from './disruption-budget.ts';
import { isWorkloadKind, markOf, rolloutAnnotation, workloadResources } from './workload.ts';
import type { Workload, WorkloadRef } from './workload.ts';

/** A pod of a report. The node is authenticated; the other values are untrusted. */
export interface PodRef {
  readonly node: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** The workload of a pod, and the value of the annotation that the pod got from the template. */
export interface OwnedPod {
  readonly workload: WorkloadRef;
  readonly mark: string;
}

/** Result of the search for the workload of a pod; a pod that is gone or ends needs none. */
export type FoundPod = OwnedPod | { readonly unsupported: string } | { readonly gone: true };

interface Owner {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly controller?: boolean;
}

interface Owned {
  readonly metadata?: Omit<ObjectMeta, 'ownerReferences'> & { readonly ownerReferences?: readonly Owner[] };
}

interface Pod extends Owned {
  readonly spec?: {
    readonly nodeName?: string;
    readonly volumes?: readonly { readonly csi?: { readonly volumeAttributes?: Readonly<Record<string, string>> } }[];
  };
}

/** The attribute by which the author of a pod requests rollouts. */
const rolloutAttribute = 'csi.cert-manager.io/reload-rollout';

export interface RolloutApiParts {
  readonly client: Pick<KubeClient, 'request'>;
  readonly replica: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const replicaSets: ApiResource = { group: 'apps', version: 'v1', plural: 'replicasets' };
const budgets: ApiResource = { group: 'policy', version: 'v1', plural: 'poddisruptionbudgets' };
const appsVersion = 'apps/v1';
const timeoutMs = 10_000;

/** The requests to the API server that rollouts need. */
export class RolloutApi {
  readonly #parts: RolloutApiParts;

  constructor(parts: RolloutApiParts) {
    this.#parts = parts;
  }

  /**
   * Finds the workload of a pod by its owner references. The pod must run on the node that reports it and request
   * rollouts itself, so that a node can cause no others.
   * @throws CertfleetError as KubeClient.request does
   */
  async find({ node, namespace, name, uid }: PodRef): Promise<FoundPod> {
    const pod = await this.#get<Pod>(pods, namespace, name);
    if (pod?.metadata?.uid !== uid || pod.metadata.deletionTimestamp !== undefined) return { gone: true };
    if (pod.spec?.nodeName !== node) return { unsupported: 'it runs on another node' };
    if (!requestsRollouts(pod)) return { unsupported: 'none of its volumes has the attribute reload-rollout' };
    return this.#workloadOf(pod, namespace);
  }

  /**
   * Finds the workload of a pod that the API server has named, whatever the pod requests.
   * @throws CertfleetError as KubeClient.request does
   */
  async ownerOf({ namespace, name, uid }: Omit<PodRef, 'node'>): Promise<FoundPod> {
    const pod = await this.#get<Pod>(pods, namespace, name);
    if (pod?.metadata?.uid !== uid || pod.metadata.deletionTimestamp !== undefined) return { gone: true };
    return this.#workloadOf(pod, namespace);
  }

  async #workloadOf(pod: Pod, namespace: string): Promise<FoundPod> {
    const owner = controllerOf(pod);
    if (owner.kind !== 'ReplicaSet' || owner.apiVersion !== appsVersion) return ownedPod(pod, owner, namespace);
    const replicaSet = await this.#get<Owned>(replicaSets, namespace, owner.name);
    if (replicaSet === undefined || replicaSet.metadata?.uid !== owner.uid) return { gone: true };
    return ownedPod(pod, controllerOf(replicaSet), namespace);
  }

  /**
   * Reads a workload; undefined if it was deleted or replaced.
   * @throws CertfleetError as KubeClient.request does
   */
  async workload({ kind, namespace, name, uid }: WorkloadRef): Promise<Workload | undefined> {
    const workload = await this.#get<Workload>(workloadResources[kind], namespace, name);
    return workload?.metadata?.uid === uid ? workload : undefined;
  }

  /** @throws CertfleetError as KubeClient.request does */
  async budgets(namespace: string): Promise<readonly DisruptionBudget[]> {
    const { client } = this.#parts;
    const request = { resource: budgets, namespace, timeoutMs };
    return (await listAll(client, request, (raw) => raw as DisruptionBudget)).objects;
  }

  /**
   * Starts a rollout, if the workload has not changed since it was read.
   * @throws CertfleetError with reason Conflict if it has
   */
  async roll({ kind, namespace, name }: WorkloadRef, workload: Workload, mark: string): Promise<void> {
    const { uid, resourceVersion } = workload.metadata ?? {};
    const body = {
      // Both are preconditions of the API server.
      metadata: { uid, resourceVersion },
      spec: { template: { metadata: { annotations: { [rolloutAnnotation]: mark } } } },
    };
    const target = { resource: workloadResources[kind], namespace, name };
    await this.#parts.client.request({ verb: 'patch', ...target, body, timeoutMs });
  }

  /** Writes an Event of the workload; never fails. */
  async record(
    { kind, namespace, name, uid }: WorkloadRef,
    { type, reason, message }: { type: 'Normal' | 'Warning'; reason: string; message: string },
  ): Promise<void> {
    const { client, clock, log, replica } = this.#parts;
    const now = new Date(clock.now()).toISOString();
    const body = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name.slice(0, 200)}.${randomUUID()}`, namespace },
      involvedObject: { apiVersion: appsVersion, kind, namespace, name, uid },
      ...{ type, reason, message: message.slice(0, 1_024) },
      source: { component: 'certfleet-controller', host: replica },
      ...{ firstTimestamp: now, lastTimestamp: now, count: 1 },
    };
    try {
      await client.request({ verb: 'create', resource: events, namespace, body, timeoutMs });
    } catch (thrown) {
      log.debug({ kind, namespace, name, reason, error: asCertfleetError(thrown).message }, 'event not written');
    }
  }

  async #get<T>(resource: ApiResource, namespace: string, name: string): Promise<T | undefined> {
    return (await getObject(this.#parts.client, { resource, namespace, name, timeoutMs })) as T | undefined;
  }
}

function requestsRollouts({ spec }: Pod): boolean {
  return spec?.volumes?.some(({ csi }) => csi?.volumeAttributes?.[rolloutAttribute] === 'true') === true;
}

/** The controlling owner; without one, all fields are empty. */
function controllerOf({ metadata }: Owned): Required<Omit<Owner, 'controller'>> {
  const owner = metadata?.ownerReferences?.find(({ controller }) => controller === true);
  return { apiVersion: '', kind: '', name: '', uid: '', ...owner };
}

function ownedPod(
  { metadata }: Pod,
  { apiVersion, kind, name, uid }: ReturnType<typeof controllerOf>,
  namespace: string,
): FoundPod {
  if (apiVersion === appsVersion && isWorkloadKind(kind))
    return { workload: { kind, namespace, name, uid }, mark: markOf(metadata) };
  return { unsupported: kind === '' ? 'it belongs to no workload' : `its workload is a ${kind}` };
}
