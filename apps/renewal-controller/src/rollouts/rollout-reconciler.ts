import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { RepeatedWork } from '@certfleet/shared/repeated-work.ts';
import { isRedisUnavailable } from '../redis/redis-unavailable.ts';
import type { FoundPod, OwnedPod, PodRef, RolloutApi } from './rollout-api.ts';
import type { RolloutPace } from './rollout-pace.ts';
import { rolloutProblem } from './rollout-problem.ts';
import { markOf } from './workload.ts';
import type { WorkloadRef } from './workload.ts';

/** The fields of a volume that a rollout depends on. */
export type RollingVolume = Pick<
  IndexedVolume,
  'node' | 'namespace' | 'pod' | 'podUid' | 'generation' | 'rollsWorkload' | 'podIsOutdated'
> & {
  readonly certificate?: Pick<NonNullable<IndexedVolume['certificate']>, 'notBeforeMs' | 'renewAtMs'>;
};

export interface RolloutReconcilerParts {
  readonly api: Pick<RolloutApi, 'find' | 'workload' | 'budgets' | 'roll' | 'record'>;
  readonly volumes: () => Iterable<RollingVolume>;
  /** Whether the index is complete. */
  readonly isCurrent: () => boolean;
  /** Takes or extends the lease of the replica that rolls. */
  readonly hasLease: () => Promise<boolean>;
  readonly pace: RolloutPace;
  readonly observe: RolloutObserver;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface RolloutObserver {
  rolloutEnded(result: 'started' | 'failed'): void;
  /** Workloads that need a rollout and must not be rolled now. */
  rolloutsBlocked(count: number): void;
}

/** Each pass starts at most one rollout per permit, so twelve per minute at most. */
const passMs = 5_000;
/** Limits of one pass; the others follow in the next passes. */
const maxPods = 100;
const maxWorkloads = 50;
/** Until a workload is looked at again. */
const firstWaitMs = 20_000;
const maxWaitMs = 10 * 60_000;
/** Planned time between two renewals below which a workload would be rolled without end. */
const minRenewalMs = 30 * 60_000;

/** A workload with outdated pods. */
interface Candidate {
  readonly workload: WorkloadRef;
  readonly marks: Set<string>;
  isShortLived: boolean;
}

interface Memory {
  nextAtMs: number;
  waitMs: number;
  /** Why the workload is not rolled. */
  blocked: string | undefined;
}

/**
 * Rolls the workloads of pods that run with earlier files than their volume's, if the volume requests it.
 *
 * The state is in the API and in the reports, so that the loss of Redis or of a replica neither repeats nor loses a
 * rollout: a pod is outdated if its volume has been renewed (generation 2 or later) or its CA file has changed, and a
 * rollout is needed if an outdated pod has the template's annotation. A rollout changes the annotation, so that all pods
 * of before are the concern of that rollout. New pods have volumes of generation 1 and need none until their files change:
 * a rollout never causes the next one.
 */
export class RolloutReconciler {
  readonly #parts: RolloutReconcilerParts;
  readonly #repeated: RepeatedWork;
  /** By node and UID; only of pods that are outdated. */
  #pods = new Map<string, FoundPod>();
  /** By UID; only of workloads with outdated pods. */
  #memories = new Map<string, Memory>();
  readonly #pace: RolloutPace;

  constructor(parts: RolloutReconcilerParts) {
    this.#parts = parts;
    const { clock, log, pace } = parts;
    this.#pace = pace;
    const failure = 'workloads not rolled, retrying';
    this.#repeated = new RepeatedWork({
      work: () => this.#pass(),
      pauseMs: passMs,
      failure,
      isReportedElsewhere: isRedisUnavailable,
      clock,
      log,
    });
  }

  start(): void {
    this.#repeated.start();
  }

  async stop(): Promise<void> {
    await this.#repeated.stop();
  }

  /** Runs one pass now; never rejects. */
  async run(): Promise<void> {
    await this.#repeated.run();
  }

  async #pass(): Promise<void> {
    const { isCurrent, hasLease, observe } = this.#parts;
    if (!isCurrent()) return;
    if (!(await hasLease())) {
      this.#pods.clear();
      this.#memories.clear();
      observe.rolloutsBlocked(0);
      return;
    }
    try {
      await this.#rollAll(await this.#candidates());
    } finally {
      observe.rolloutsBlocked([...this.#memories.values()].filter(({ blocked }) => blocked !== undefined).length);
    }
  }

  /** The workloads with outdated pods. */
  async #candidates(): Promise<ReadonlyMap<string, Candidate>> {
    const candidates = new Map<string, Candidate>();
    const seen = new Map<string, FoundPod>();
    let reads = 0;
    // The index may change while pods are read.
    const outdated: RollingVolume[] = [];
    for (const volume of this.#parts.volumes()) if (isOutdated(volume)) outdated.push(volume);
    for (const volume of outdated) {
      const { node, namespace, pod: name, podUid: uid } = volume;
      // With the node: another node must not answer for this one.
      const key = `${node} ${uid}`;
      let found = seen.get(key) ?? this.#pods.get(key);
      if (found === undefined && reads < maxPods) {
        reads += 1;
        found = await this.#find({ node, namespace, name, uid });
      }
      if (found === undefined) continue;
      seen.set(key, found);
      if ('workload' in found) addTo(candidates, found, isShortLived(volume));
    }
    this.#pods = seen;
    return candidates;
  }

  async #find(pod: PodRef): Promise<FoundPod> {
    const found = await this.#parts.api.find(pod);
    if ('unsupported' in found)
      this.#parts.log.warn({ ...pod, why: found.unsupported }, 'cannot roll the workload of a pod');
    return found;
  }

  async #rollAll(candidates: ReadonlyMap<string, Candidate>): Promise<void> {
    const { clock, log } = this.#parts;
    this.#memories = new Map([...this.#memories].filter(([uid]) => candidates.has(uid)));
    const nowMs = clock.monotonic();
    const { recent } = this.#pace;
    const others = othersOf([...recent.values(), ...[...candidates.values()].map(({ workload }) => workload)]);
    const due = [...candidates].filter(
      ([uid, { workload }]) =>
        (this.#memories.get(uid)?.nextAtMs ?? 0) <= nowMs && !recent.has(uid) && this.#pace.isFree(workload.namespace),
    );
    // Those that have waited longest come first.
    due.sort(([a], [b]) => (this.#memories.get(a)?.nextAtMs ?? 0) - (this.#memories.get(b)?.nextAtMs ?? 0));
    for (const [uid, candidate] of due.slice(0, maxWorkloads)) {
      if (this.#repeated.isStopped) return;
      if (!this.#pace.isFree(candidate.workload.namespace)) continue;
      try {
        await this.#consider(uid, candidate, others(candidate.workload));
      } catch (thrown) {
        const { message, reason } = asCertfleetError(thrown);
        log.info({ ...candidate.workload, error: message }, 'workload not rolled, retrying');
        // Another write came between; the next pass reads the workload again.
        if (reason === 'Conflict') continue;
        this.#parts.observe.rolloutEnded('failed');
        await this.#block(uid, candidate.workload, message);
      }
    }
  }

  async #consider(
    uid: string,
    { workload, marks, isShortLived }: Candidate,
    others: readonly WorkloadRef[],
  ): Promise<void> {
    const { api, clock, log, observe } = this.#parts;
    const current = await api.workload(workload);
    // Without the workload its pods end; with another mark, the rollout of before replaces them.
    if (current === undefined || !marks.has(markOf(current.spec?.template?.metadata))) {
      this.#wait(uid, undefined);
      return;
    }
    const blocked = isShortLived
      ? 'its certificates are renewed more often than every 30 minutes'
      : await rolloutProblem(api, { workload, current, others });
    if (blocked !== undefined) {
      await this.#block(uid, workload, blocked);
      return;
    }
    this.#pace.take(workload.namespace);
    await api.roll(workload, current, new Date(clock.now()).toISOString());
    this.#pace.started(workload);
    observe.rolloutEnded('started');
    log.info({ ...workload }, 'workload rolled after a renewal');
    this.#wait(uid, undefined);
    const message = 'rolling the pods, because the files of their volumes have changed';
    await api.record(workload, { type: 'Normal', reason: 'CertificateRollout', message });
  }

  /** Waits longer each time, and reports each new reason once. */
  async #block(uid: string, workload: WorkloadRef, why: string): Promise<void> {
    const { api, log } = this.#parts;
    const isNew = this.#memories.get(uid)?.blocked !== why;
    this.#wait(uid, why);
    if (!isNew) return;
    log.info({ ...workload, why }, 'rollout blocked');
    const message = `pods use earlier files than those of their volumes, and the rollout must wait: ${why}`;
    await api.record(workload, { type: 'Warning', reason: 'CertificateRolloutBlocked', message });
  }

  #wait(uid: string, blocked: string | undefined): void {
    const before = this.#memories.get(uid);
    const waitMs =
      before !== undefined && before.blocked === blocked ? Math.min(maxWaitMs, before.waitMs * 2) : firstWaitMs;
    this.#memories.set(uid, { nextAtMs: this.#parts.clock.monotonic() + waitMs, waitMs, blocked });
  }
}

/** The other workloads of a workload's namespace, each once, in the given order. */
function othersOf(all: readonly WorkloadRef[]): (workload: WorkloadRef) => readonly WorkloadRef[] {
  const unique = [...new Map(all.map((workload) => [workload.uid, workload])).values()];
  return ({ namespace, uid }) => unique.filter((other) => other.namespace === namespace && other.uid !== uid);
}

/**
 * Whether the pod of a volume that requests rollouts was started before the volume's certificate was issued, or before its
 * CA file changed. Earlier agents do not report the latter.
 */
function isOutdated({ rollsWorkload, generation, podIsOutdated }: RollingVolume): boolean {
  return rollsWorkload !== undefined && (generation >= 2 || podIsOutdated !== undefined);
}

function isShortLived({ certificate }: RollingVolume): boolean {
  return certificate !== undefined && certificate.renewAtMs - certificate.notBeforeMs < minRenewalMs;
}

function addTo(candidates: Map<string, Candidate>, { workload, mark }: OwnedPod, isShort: boolean): void {
  const candidate = candidates.get(workload.uid) ?? { workload, marks: new Set<string>(), isShortLived: false };
  candidate.marks.add(mark);
  candidate.isShortLived ||= isShort;
  candidates.set(workload.uid, candidate);
}
