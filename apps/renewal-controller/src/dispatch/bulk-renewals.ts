import { batches } from '@certfleet/shared/batches.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { FleetView } from '../fleet-index/view/fleet-view.ts';
import type { VolumeSelection } from '../fleet-index/query/volume-selection.ts';
import { issuerKey } from '../fleet-index/model/indexed-volume.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import type { Settled } from '../lanes/lane-admission.ts';
import type { BulkRenewal, BulkRenewalStart, RenewalPreview } from './bulk-renewal.ts';
import type { BulkRenewalStore, PendingRenewal, ReportedFailure } from './bulk-renewal-store.ts';
import type { DueQueue } from './due-queue.ts';
import type { DueResult, ExtendLock } from './due-worker.ts';
import type { NodeQueues } from './node-queues.ts';
import type { Recalls } from './recalls.ts';
import { jobId, renewalId } from './renewal-job.ts';
import type { StoredVolumes } from './stored-volumes.ts';

const restoredAtOnce = 100;
const addedAtOnce = 500;
/** Bounds of the interval between lookups of missing volumes. */
const minLookMs = 1_000;
const maxLookMs = 60_000;
/**
 * A volume that a complete snapshot does not name is counted as gone after this time. A failover may have lost its
 * report; by then the replicas have noticed that, and the node has a new session whose snapshot is awaited.
 */
const absentLimitMs = 5_000;
/** A volume that Redis lost and no agent has reported for this long is counted as gone. */
const missingLimitMs = 24 * 3_600_000;

/** A renewal whose volume is not in Redis, though the node may still have it. */
interface MissingRenewal {
  readonly mark: string;
  readonly renewal: string;
}

/** The result of a selection. */
export interface SelectedVolumes {
  readonly volumes: readonly IndexedVolume[];
  /** Matching volumes without a certificate yet. */
  readonly skipped: number;
}

interface StillWanted {
  readonly wanted: readonly IndexedVolume[];
  readonly missing: readonly MissingRenewal[];
}

export interface BulkRenewalsParts {
  readonly view: () => FleetView;
  readonly stored: StoredVolumes;
  readonly requests: BulkRenewalStore;
  readonly due: DueQueue;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Removes a renewal from its lane, unless it was dispatched to its node and has no result yet. */
  readonly withdraw: (volume: IndexedVolume) => Promise<Pick<Settled, 'wasStarted'>>;
  readonly nodeQueues: Pick<NodeQueues, 'remove'>;
  readonly recalls: Pick<Recalls, 'recall'>;
  /** Whether a bulk renewal is known to be in force: neither suspended nor cancelled. Redis may have lost that. */
  readonly isInForce: (id: string) => boolean;
}

/**
 * Carries out bulk renewals: brings their volumes forward, each through its own lane. What is requested lasts elsewhere
 * (renewals/); everything here can be lost and begun again.
 */
export class BulkRenewals {
  readonly #parts: BulkRenewalsParts;

  constructor(parts: BulkRenewalsParts) {
    this.#parts = parts;
  }

  /** The volumes with a certificate that the selection matches now, and the number of those without one. */
  select(selection: VolumeSelection): SelectedVolumes {
    const matching = this.#parts.view().select(selection, this.#parts.clock.now());
    const volumes = matching.filter(({ certificate }) => certificate !== undefined);
    return { volumes, skipped: matching.length - volumes.length };
  }

  /**
   * Creates the record of a bulk renewal unless it exists. Nothing starts before `add`.
   * @returns 'created', or its state; 'cancelled' if its id was cancelled before
   */
  ensure(start: BulkRenewalStart): Promise<BulkRenewal['state'] | 'created'> {
    return this.#parts.requests.ensure(start);
  }

  /**
   * Adds volumes at the generations to be replaced; those that are already pending, or that were renewed meanwhile, are
   * not added. Idempotent, from any replica.
   * @returns how many volumes were added
   */
  async add(id: string, isIgnoringWindows: boolean, volumes: readonly IndexedVolume[]): Promise<number> {
    const { requests } = this.#parts;
    let added = 0;
    for (const some of batches(volumes, addedAtOnce)) {
      const pending = await requests.pendingOf(id, some.map(renewalId));
      const missing = await this.#current(some.filter((volume) => !pending.has(renewalId(volume))));
      if (missing.length === 0) continue;
      if (!(await requests.add(id, isIgnoringWindows, missing))) return added;
      added += missing.length;
    }
    return added;
  }

  /** Adds the job that brings the volumes of a bulk renewal forward; does nothing while there is one. */
  async schedule(id: string): Promise<void> {
    await this.#parts.due.addBulkStart(id);
  }

  /**
   * Brings the volumes of a bulk renewal forward, or restores their schedule if it was cancelled. Idempotent: a run
   * after a crash continues. The job is repeated while volumes are missing that Redis lost and their nodes have not
   * reported again.
   */
  async begin(id: string, extendLock: ExtendLock): Promise<DueResult> {
    const { requests, due } = this.#parts;
    if (await requests.isCancelled(id)) {
      await this.#restoreSchedules(id, extendLock);
      return { done: true };
    }
    const runningMs = await requests.begin(id);
    if (runningMs === undefined) return { done: true };
    let isMissing = false;
    for await (const some of requests.pending(id)) {
      if (await requests.isCancelled(id)) return { done: true };
      const { wanted, missing } = await this.#readPending(id, some, runningMs >= absentLimitMs);
      await due.bringForward(wanted);
      if (runningMs < missingLimitMs) isMissing ||= missing.length > 0;
      else await Promise.all(missing.map(({ mark, renewal }) => requests.settle(mark, renewal, 'gone')));
      await extendLock();
    }
    return isMissing ? { done: false, waitMs: Math.min(Math.max(runningMs, minLookMs), maxLookMs) } : { done: true };
  }

  /**
   * Cancels a bulk renewal. No renewal starts for it after this returns: lanes reject it, and jobs that agents have not
   * begun are removed from the queues of the nodes. A renewal that an agent is processing stays pending until its
   * result. A job restores the schedule of the others, because they may be many. A repeated call continues for a replica
   * that was killed.
   * @returns whether it was running; of several replicas, one gets true
   */
  async cancel(id: string): Promise<boolean> {
    const { wasRunning, mustRecall } = await this.#parts.requests.cancel(id);
    if (mustRecall) await this.recall(id);
    return wasRunning;
  }

  /** Takes the renewals of a cancelled bulk renewal back from the queues of nodes. Idempotent. */
  async recall(id: string): Promise<void> {
    const { requests, due, recalls } = this.#parts;
    await recalls.recall(async (volumes) => {
      const pending = await requests.pendingOf(id, volumes.map(renewalId));
      return new Set(volumes.filter((volume) => pending.has(renewalId(volume))));
    });
    await due.addBulkCancel(id);
    await requests.recalled(id);
  }

  /** Restores the schedule of the pending volumes of a cancelled bulk renewal, and settles those that were renewed. */
  async restoreSchedules(id: string): Promise<void> {
    await this.#parts.due.addBulkCancel(id);
  }

  /**
   * Progress of a bulk renewal.
   * @throws CertfleetError not-found for an unknown id
   */
  async progress(id: string): Promise<BulkRenewal> {
    const bulk = await this.find(id);
    if (bulk === undefined) throw new CertfleetError('not-found', `renewal request ${id.slice(0, 64)} not found`);
    return bulk;
  }

  /** Undefined if it does not exist or its record has expired. */
  find(id: string): Promise<BulkRenewal | undefined> {
    return this.#parts.requests.get(id);
  }

  /** Whether a renewal may start before its time: no bulk renewal requests it, or one that is in force. */
  async isInForce(renewal: string): Promise<boolean> {
    const marks = await this.#parts.requests.wanting(renewal);
    return marks.length === 0 || marks.some((mark) => this.#parts.isInForce(mark.replace('!', '')));
  }

  list(): Promise<readonly BulkRenewal[]> {
    return this.#parts.requests.list();
  }

  /** Settles an ended renewal for the bulk renewals that requested it. */
  async settled(marks: readonly string[], renewal: string, end: 'renewed' | 'gone'): Promise<void> {
    await Promise.all(marks.map((mark) => this.#parts.requests.settle(mark, renewal, end)));
  }

  /**
   * Counts a failed attempt for the bulk renewals that still request the renewal. One that stops after it is cancelled:
   * lanes start nothing more for it, before the stop is stored.
   */
  async failed(marks: readonly string[], failure: ReportedFailure): Promise<void> {
    const { requests } = this.#parts;
    await Promise.all(
      marks.map(async (mark) => {
        if (await requests.countFailure(mark, failure)) await requests.cancel(mark.replace('!', ''));
      }),
    );
  }

  /** Settles the entries of cancelled bulk renewals for a renewal that they did not start. */
  async dropCancelled(renewal: string): Promise<void> {
    const { requests } = this.#parts;
    for (const mark of await requests.wanting(renewal))
      if (await requests.isCancelled(mark.replace('!', ''))) await requests.settle(mark, renewal, 'cancelled');
  }

  /** The volumes without those that Redis has at another generation: the view may lag behind a settled renewal. */
  async #current(volumes: readonly IndexedVolume[]): Promise<readonly IndexedVolume[]> {
    const stored = await Promise.all(volumes.map(({ node, volumeId }) => this.#parts.stored.get(node, volumeId)));
    return volumes.filter(({ generation }, i) => (stored[i]?.generation ?? generation) === generation);
  }

  /**
   * Reads the pending volumes; those that were renewed or removed since the selection are settled here.
   * @param canBeGone whether a volume that its node's snapshot does not name counts as removed
   */
  async #readPending(id: string, pending: readonly PendingRenewal[], canBeGone: boolean): Promise<StillWanted> {
    const { stored, requests } = this.#parts;
    const bulk = await this.progress(id);
    const mark = bulk.ignoreWindows === true ? `!${id}` : id;
    // Read before the volumes: if the snapshot of a node is complete now, every volume of the snapshot is stored.
    const nodes = [...new Set(pending.map(({ node }) => node))];
    const complete = new Map(
      await Promise.all(nodes.map(async (node) => [node, await stored.isComplete(node)] as const)),
    );
    const states = await Promise.all(pending.map(({ node, volumeId }) => stored.get(node, volumeId)));
    const wanted: IndexedVolume[] = [];
    const missing: MissingRenewal[] = [];
    await Promise.all(
      pending.map(async (renewal, i) => {
        const state = states[i];
        if (state !== undefined && renewalId(state) === renewal.id) wanted.push(state);
        else if (state === undefined && !(canBeGone && complete.get(renewal.node) === true))
          missing.push({ mark, renewal: renewal.id });
        else await requests.settle(mark, renewal.id, state === undefined ? 'gone' : 'renewed');
      }),
    );
    return { wanted, missing };
  }

  async #restoreSchedules(id: string, extendLock: ExtendLock): Promise<void> {
    for await (const some of this.#parts.requests.pending(id)) {
      const { wanted, missing } = await this.#readPending(id, some, true);
      await Promise.all(missing.map(({ mark, renewal }) => this.#parts.requests.settle(mark, renewal, 'cancelled')));
      for (const few of batches(wanted, restoredAtOnce)) {
        await Promise.all(few.map((volume) => this.#restoreSchedule(id, volume)));
        await extendLock();
      }
    }
  }

  /** A failover between two steps may return the renewal to its lane and to the queue of its node. */
  async #restoreSchedule(id: string, volume: IndexedVolume): Promise<void> {
    const { requests, due, withdraw, nodeQueues } = this.#parts;
    const marks = await requests.wanting(renewalId(volume));
    const mark = marks.find((each) => each.replace('!', '') === id) ?? id;
    if (marks.every((each) => each === mark)) {
      await due.remove([jobId(volume)]);
      if ((await withdraw(volume)).wasStarted) return;
      // Its lane does not know a job that was dispatched during a failover.
      await nodeQueues.remove(volume.node, jobId(volume));
      await due.schedule([volume]);
    }
    // Last step: after a crash before it, the next run repeats this volume.
    await requests.settle(mark, renewalId(volume), 'cancelled');
  }
}

/** The effect that a bulk renewal of selected volumes would have. */
export function previewOf({ volumes, skipped }: SelectedVolumes): RenewalPreview {
  return {
    count: volumes.length,
    skipped,
    byIssuer: tally(volumes.map(({ issuer }) => issuerKey(issuer))),
    byNode: tally(volumes.map(({ node }) => node)),
  };
}

function tally(keys: readonly string[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}
