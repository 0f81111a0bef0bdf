import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { CaRotationStatus } from '../intent/kinds/ca-rotation-kind.ts';
import type { IntentStore } from '../intent/intent-store.ts';
import { storeStatus } from '../intent/store-status.ts';
import type { PodCertificateRow } from '../pod-certificates/pod-certificate-row.ts';
import { shortHash } from '../redis/redis-keys.ts';
import type { OwnedPod, RolloutApi } from '../rollouts/rollout-api.ts';
import type { RolloutPace } from '../rollouts/rollout-pace.ts';
import { rolloutProblem } from '../rollouts/rollout-problem.ts';
import { inProgress, isAvailable, isWorkloadKind, markOf, rolloutState } from '../rollouts/workload.ts';
import type { Workload, WorkloadRef } from '../rollouts/workload.ts';
import type { PodCertificateFacts } from './pod-certificate-facts.ts';
import { phaseOf } from './rotation-object.ts';
import type { RotationObject } from './rotation-object.ts';

export interface WorkloadRollerParts {
  readonly store: Pick<IntentStore, 'updateStatus'>;
  /** Undefined unless rollouts are enabled. */
  readonly rolling:
    | {
        readonly api: Pick<RolloutApi, 'ownerOf' | 'workload' | 'budgets' | 'roll' | 'record'>;
        readonly pace: RolloutPace;
        readonly hasLease: () => Promise<boolean>;
      }
    | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

type PodStatus = NonNullable<CaRotationStatus['podCertificates']>;
type Rolling = NonNullable<PodStatus['rolling']>;
type Access = NonNullable<WorkloadRollerParts['rolling']>;

/** A workload of which pods have a certificate of the leaving CA. */
interface Candidate {
  readonly key: string;
  readonly rows: readonly PodCertificateRow[];
}

/** What a look at a candidate has found: it may be rolled now, or why not. */
type Look =
  | { readonly workload: WorkloadRef; readonly current: Workload; readonly tests: readonly string[] }
  | { readonly blocked: string; readonly isLasting?: true };

/** Candidates that are looked at in one pass. */
const maxLooks = 10;
const retryMs = 20_000;
const lastingMs = 10 * 60_000;
const maxRolled = 10_000;
const maxRemembered = 20_000;

/**
 * Rolls the workloads of pods whose certificate has the leaving CA, one after the other, if the rotation says so. Before a
 * workload is rolled, the status of the rotation contains it, so that it is rolled once at most, whatever is lost. The first
 * workload of a signer name shows whether the signer signs with the new CA; the others follow when it does.
 */
export class WorkloadRoller {
  readonly #parts: WorkloadRollerParts;
  /** By rotation and workload: when it is looked at again, on the monotonic clock. */
  readonly #nextAtMs = new Map<string, number>();

  constructor(parts: WorkloadRollerParts) {
    this.#parts = parts;
  }

  /** Takes one step for a rotation whose phase Reissue may continue. */
  async advance(object: RotationObject, facts: PodCertificateFacts): Promise<void> {
    const { rolling: access } = this.#parts;
    const { spec, status = {} } = object;
    if (spec.podCertificates?.rollWorkloads !== true || phaseOf(object) !== 'Reissue') return;
    if (status.podCertificates === undefined) return;
    if (access === undefined) {
      await this.#note(object, 'rollouts are not enabled: set controller.rollouts.enabled');
      return;
    }
    if (!(await access.hasLease())) return;
    const { rolling } = status.podCertificates;
    if (rolling !== undefined) await this.#continue(object, rolling, access);
    else await this.#begin(object, facts, access);
  }

  /** Rolls the workload that the status names, or waits until its rollout has ended. */
  async #continue(object: RotationObject, rolling: Rolling, access: Access): Promise<void> {
    const current = await access.api.workload(rolling);
    const state = current === undefined ? 'left' : await rollingState(rolling, current, access);
    if (state === 'left' || current === undefined) await this.#store(object, { rolling: undefined });
    else if (state === 'not-begun' && access.pace.isFree(rolling.namespace)) await this.#roll(rolling, current, access);
  }

  async #begin(object: RotationObject, facts: PodCertificateFacts, access: Access): Promise<void> {
    let why: string | undefined;
    for (const { key, rows } of this.#due(object, facts, access)) {
      const look = await lookAt(object, rows, { facts, access }).catch((thrown: unknown) => ({
        blocked: asCertfleetError(thrown).message,
      }));
      if ('workload' in look) {
        await this.#intend(object, look, access);
        return;
      }
      this.#wait(`${object.metadata.uid} ${key}`, 'isLasting' in look ? lastingMs : retryMs);
      why ??= 'isLasting' in look ? undefined : `${key}: ${look.blocked}`;
    }
    if (why !== undefined) await this.#note(object, why);
  }

  /** The candidates of this pass. */
  #due({ metadata }: RotationObject, { byWorkload }: PodCertificateFacts, { pace }: Access): readonly Candidate[] {
    const nowMs = this.#parts.clock.monotonic();
    const due: Candidate[] = [];
    for (const [key, rows] of byWorkload) {
      if (due.length === maxLooks) break;
      const isDue = (this.#nextAtMs.get(`${metadata.uid} ${key}`) ?? 0) <= nowMs;
      if (isDue && pace.isFree(rows[0]?.namespace ?? '')) due.push({ key, rows });
    }
    return due;
  }

  /** Stores which workload is rolled, then rolls it. */
  async #intend(
    object: RotationObject,
    { workload, current, tests }: Extract<Look, { readonly workload: WorkloadRef }>,
    access: Access,
  ): Promise<void> {
    const { rolled = [], tested = [] } = object.status?.podCertificates ?? {};
    const { generation } = current.metadata ?? {};
    if (generation === undefined) return;
    const mark = `${new Date(this.#parts.clock.now()).toISOString()}/${shortHash(object.metadata.uid)}`;
    const rolling = { ...workload, mark, generation };
    const isStored = await this.#store(object, {
      rolling,
      notRolled: undefined,
      rolled: [...rolled, hashOf(workload)],
      tested: [...new Set([...tested, ...tests])].slice(0, 50),
    });
    if (isStored) await this.#roll(rolling, current, access);
  }

  async #roll(rolling: Rolling, current: Workload, { api, pace }: Access): Promise<void> {
    const { mark, kind, namespace, name, uid } = rolling;
    const workload = { kind, namespace, name, uid };
    pace.take(namespace);
    try {
      await api.roll(workload, current, mark);
    } catch (thrown) {
      this.#parts.log.info({ ...workload, error: asCertfleetError(thrown).message }, 'workload not rolled, retrying');
      return;
    }
    pace.started(workload);
    this.#parts.log.info({ ...workload }, 'workload rolled by a ca rotation');
    const message = 'rolling the pods, because their pod certificates have a CA that is replaced';
    await api.record(workload, { type: 'Normal', reason: 'CaRotationRollout', message });
  }

  #wait(key: string, forMs: number): void {
    if (this.#nextAtMs.size >= maxRemembered) this.#nextAtMs.clear();
    this.#nextAtMs.set(key, this.#parts.clock.monotonic() + forMs);
  }

  async #note(object: RotationObject, why: string): Promise<void> {
    await this.#store(object, { notRolled: why.slice(0, 512) });
  }

  /** @returns false if the object has changed: nothing is stored */
  async #store(
    object: RotationObject,
    changes: { readonly [Name in 'rolling' | 'notRolled' | 'rolled' | 'tested']?: PodStatus[Name] | undefined },
  ): Promise<boolean> {
    const { status = {} } = object;
    const merged = { ...status.podCertificates, ...changes };
    const entries = Object.entries(merged).filter(([, value]) => value !== undefined);
    const podCertificates = Object.fromEntries(entries) as unknown as PodStatus;
    const stored = await storeStatus(this.#parts.store, 'CARotation', object, { ...status, podCertificates });
    return stored !== undefined;
  }
}

/**
 * Whether the rollout of a workload is in progress, certainly not begun, or left to itself, because it has ended or somebody
 * else has changed the workload: it then waits for its refreshes.
 * @throws CertfleetError as KubeClient.request does
 */
async function rollingState(
  rolling: Rolling,
  current: Workload,
  access: Access,
): Promise<'in-progress' | 'not-begun' | 'left'> {
  if (markOf(current.spec?.template?.metadata) === rolling.mark) {
    const isOver = rolloutState(rolling.kind, current) !== inProgress && isAvailable(rolling.kind, current);
    return isOver ? 'left' : 'in-progress';
  }
  if (current.metadata?.generation !== rolling.generation) return 'left';
  return (await problemOf(rolling, current, access)) === undefined ? 'not-begun' : 'left';
}

interface LookParts {
  readonly facts: PodCertificateFacts;
  readonly access: Access;
}

/** @throws CertfleetError as KubeClient.request does */
async function lookAt(object: RotationObject, rows: readonly PodCertificateRow[], parts: LookParts): Promise<Look> {
  const { access, facts } = parts;
  const { rolled = [], tested = [] } = object.status?.podCertificates ?? {};
  const [row] = rows;
  if (row === undefined || !mayBeRolled(row)) return never('it is not rolled');
  if (rolled.length >= maxRolled) return never(`${maxRolled} workloads were rolled`);
  const tests = untestedSigners(rows, facts);
  const failed = tests.find((name) => tested.includes(name));
  if (failed !== undefined) return { blocked: `the signer ${failed} was not seen to sign with the new CA yet` };
  const found = await access.api.ownerOf({ namespace: row.namespace, name: row.pod, uid: row.podUid });
  if (!('workload' in found)) return 'gone' in found ? { blocked: 'the pod ends' } : never(found.unsupported);
  if (rolled.includes(hashOf(found.workload))) return never('it was rolled');
  return await lookAtWorkload(found, tests, access);
}

const mayBeRolled = ({ workload }: PodCertificateRow): boolean => isWorkloadKind(workload.split('/')[0] ?? '');

/** @throws CertfleetError as KubeClient.request does */
async function lookAtWorkload(found: OwnedPod, tests: readonly string[], access: Access): Promise<Look> {
  const current = await access.api.workload(found.workload);
  if (current === undefined) return { blocked: 'the workload is gone' };
  const blocked = await whyNot(found, current, access);
  return blocked === undefined ? { workload: found.workload, current, tests } : { blocked };
}

/** @throws CertfleetError as KubeClient.request does */
async function whyNot({ workload, mark }: OwnedPod, current: Workload, access: Access): Promise<string | undefined> {
  if (access.pace.recent.has(workload.uid)) return 'it was rolled in the last ten minutes';
  if (markOf(current.spec?.template?.metadata) !== mark) return 'an earlier rollout replaces the pod';
  if (!isAvailable(workload.kind, current)) return 'not all of its pods are available';
  return await problemOf(workload, current, access);
}

/** @throws CertfleetError as KubeClient.request does */
async function problemOf(workload: WorkloadRef, current: Workload, { api, pace }: Access): Promise<string | undefined> {
  const { namespace, uid } = workload;
  const others = [...pace.recent.values()].filter((other) => other.namespace === namespace && other.uid !== uid);
  return await rolloutProblem(api, { workload, current, others });
}

function never(blocked: string): Look {
  return { blocked, isLasting: true };
}

/** The signer names of these certificates that were not seen to sign with the new CA. */
function untestedSigners(rows: readonly PodCertificateRow[], { signers }: PodCertificateFacts): readonly string[] {
  const switched = new Set(
    signers
      .filter(({ lastArrivingMs = -1, lastLeavingMs = 0 }) => lastArrivingMs > lastLeavingMs)
      .map(({ name }) => name),
  );
  return [...new Set(rows.map(({ signer }) => signer))].filter((name) => !switched.has(name));
}

const hashOf = ({ uid }: WorkloadRef): string => shortHash(uid);
