import { randomBytes } from 'node:crypto';
import { batches } from '@certfleet/shared/batches.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { FleetView } from '../fleet-index/fleet-view.ts';
import { describeSelection } from '../fleet-index/volume-selection.ts';
import type { VolumeSelection } from '../fleet-index/volume-selection.ts';
import { issuerKey } from '../fleet-index/indexed-volume.ts';
import type { IndexedVolume } from '../fleet-index/indexed-volume.ts';
import type { BulkRenewal, RenewalPreview, RenewalRequester } from './bulk-renewal.ts';
import type { BulkRenewalStore, PendingRenewal, ReportedFailure } from './bulk-renewal-store.ts';
import type { DueQueue } from './due-queue.ts';
import type { DueResult, ExtendLock } from './due-worker.ts';
import type { Recalls } from './recalls.ts';
import { jobId, renewalId } from './renewal-job.ts';
import type { StoredVolumes } from './stored-volumes.ts';

const takenBackAtOnce = 100;
/** Bounds of the time until missing volumes are looked for again. */
const minLookMs = 1_000;
const maxLookMs = 60_000;
/** After which time a volume of which Redis has not heard since it lost it is taken for gone. */
const missingLimitMs = 24 * 3_600_000;

/** A renewal whose volume Redis does not know, though it may exist. */
interface MissingRenewal {
  readonly mark: string;
  readonly renewal: string;
}

interface StillWanted {
  readonly wanted: readonly IndexedVolume[];
  readonly missing: readonly MissingRenewal[];
}

/** What renewals on demand stand on. */
export interface BulkRenewalsParts {
  readonly view: () => FleetView;
  readonly stored: StoredVolumes;
  readonly requests: BulkRenewalStore;
  readonly due: DueQueue;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether a volume's renewal was handed to its node and not answered. */
  readonly isStarted: (volume: IndexedVolume) => Promise<boolean>;
  /** Takes a renewal out of its lane. */
  readonly leaveLane: (volume: IndexedVolume) => Promise<unknown>;
  readonly recalls: Pick<Recalls, 'recall'>;
}

/** Renewals that people ask for: counted first if they like, then brought forward, each in its own lane. */
export class BulkRenewals {
  readonly #parts: BulkRenewalsParts;

  constructor(parts: BulkRenewalsParts) {
    this.#parts = parts;
  }

  /** What a request would touch; nothing happens. */
  preview(selection: VolumeSelection): RenewalPreview {
    const { volumes, skipped } = this.#select(selection);
    return {
      count: volumes.length,
      skipped,
      byIssuer: tally(volumes.map(({ issuer }) => issuerKey(issuer))),
      byNode: tally(volumes.map(({ node }) => node)),
    };
  }

  /**
   * Asks for the renewal of what the selection means now, and answers with the id under which its progress is found.
   * Throws not-found when nothing matches.
   */
  async request(selection: VolumeSelection, requester: RenewalRequester): Promise<string> {
    const { requests, due, logger } = this.#parts;
    const { volumes } = this.#select(selection);
    if (volumes.length === 0)
      throw new CertfleetError('not-found', 'no volume with a certificate matches the selection');
    const id = randomBytes(8).toString('hex');
    await requests.create(id, { ...requester, selection: describeSelection(selection) }, volumes);
    await due.addBulkStart(id);
    logger.info(
      { bulk: id, selection: describeSelection(selection), ...requester, volumes: volumes.length },
      'renewal requested',
    );
    return id;
  }

  /**
   * Brings a bulk renewal's volumes forward, or back when it was cancelled. Run again after a crash it does what is left.
   * It is to come again while volumes are missing that their nodes have not reported since Redis lost them.
   */
  async begin(id: string, extendLock: ExtendLock): Promise<DueResult> {
    const { requests, due } = this.#parts;
    if (await requests.isCancelled(id)) {
      await this.#takeAllBack(id, extendLock);
      return { done: true };
    }
    const runningMs = await requests.begin(id);
    if (runningMs === undefined) return { done: true };
    let isMissing = false;
    for await (const some of requests.pending(id)) {
      if (await requests.isCancelled(id)) return { done: true };
      const { wanted, missing } = await this.#stillWanted(id, some);
      await due.bringForward(wanted);
      if (runningMs < missingLimitMs) isMissing ||= missing.length > 0;
      else await Promise.all(missing.map(({ mark, renewal }) => requests.settle(mark, renewal, 'gone')));
      await extendLock();
    }
    return isMissing ? { done: false, waitMs: Math.min(Math.max(runningMs, minLookMs), maxLookMs) } : { done: true };
  }

  /**
   * Cancels a bulk renewal. No renewal starts for it after this returns: lanes refuse it, and what waited in the queues of
   * nodes is taken back. What an agent works on already goes on and stays pending until it is answered. The others return
   * to their own time by a job, since they may be many. Throws not-found for an unknown id.
   */
  async cancel(id: string): Promise<BulkRenewal> {
    const { requests, due, recalls } = this.#parts;
    if (await requests.cancel(id)) {
      await recalls.recall(async (volumes) => {
        const pending = await requests.pendingOf(id, volumes.map(renewalId));
        return new Set(volumes.filter((volume) => pending.has(renewalId(volume))));
      });
      await due.addBulkCancel(id);
    }
    return await this.progress(id);
  }

  /** How far a bulk renewal has come. Throws not-found for an unknown id. */
  async progress(id: string): Promise<BulkRenewal> {
    const bulk = await this.#parts.requests.get(id);
    if (bulk === undefined) throw new CertfleetError('not-found', `there is no renewal request ${id.slice(0, 64)}`);
    return bulk;
  }

  list(): Promise<readonly BulkRenewal[]> {
    return this.#parts.requests.list();
  }

  /** Settles a renewal that ended for the requests that want it, by their marks. */
  async settled(marks: readonly string[], renewal: string, end: 'renewed' | 'gone'): Promise<void> {
    await Promise.all(marks.map((mark) => this.#parts.requests.settle(mark, renewal, end)));
  }

  /** Counts a failed attempt for the requests that still want the renewal. */
  async failed(marks: readonly string[], failure: ReportedFailure): Promise<void> {
    await Promise.all(marks.map((mark) => this.#parts.requests.countFailure(mark, failure)));
  }

  /** Settles what cancelled requests still wait for of a renewal that came and was not started for their sake. */
  async dropCancelled(renewal: string): Promise<void> {
    const { requests } = this.#parts;
    for (const mark of await requests.wanting(renewal))
      if (await requests.isCancelled(mark.replace('!', ''))) await requests.settle(mark, renewal, 'cancelled');
  }

  #select(selection: VolumeSelection): { volumes: readonly IndexedVolume[]; skipped: number } {
    const matching = this.#parts.view().select(selection, this.#parts.clock.now());
    const volumes = matching.filter(({ certificate }) => certificate !== undefined);
    return { volumes, skipped: matching.length - volumes.length };
  }

  /** The pending ones as they stand; what moved on or left between the selection and now is settled here. */
  async #stillWanted(id: string, pending: readonly PendingRenewal[]): Promise<StillWanted> {
    const { stored, requests } = this.#parts;
    const bulk = await this.progress(id);
    const mark = bulk.ignoreWindows === true ? `!${id}` : id;
    // Before the volumes are read: one that its node's snapshot names is there when the snapshot is complete.
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
        else if (state === undefined && complete.get(renewal.node) !== true)
          missing.push({ mark, renewal: renewal.id });
        else await requests.settle(mark, renewal.id, state === undefined ? 'gone' : 'renewed');
      }),
    );
    return { wanted, missing };
  }

  async #takeAllBack(id: string, extendLock: ExtendLock): Promise<void> {
    for await (const some of this.#parts.requests.pending(id)) {
      const { wanted, missing } = await this.#stillWanted(id, some);
      await Promise.all(missing.map(({ mark, renewal }) => this.#parts.requests.settle(mark, renewal, 'cancelled')));
      for (const few of batches(wanted, takenBackAtOnce)) {
        await Promise.all(few.map((volume) => this.#takeBack(id, volume)));
        await extendLock();
      }
    }
  }

  async #takeBack(id: string, volume: IndexedVolume): Promise<void> {
    const { requests, due, isStarted, leaveLane } = this.#parts;
    if (await isStarted(volume)) return;
    const marks = await requests.wanting(renewalId(volume));
    const mark = marks.find((each) => each.replace('!', '') === id) ?? id;
    if (marks.every((each) => each === mark)) {
      await due.remove([jobId(volume)]);
      await leaveLane(volume);
      await due.schedule([volume]);
    }
    // Last: whoever is killed before it leaves the volume to the next attempt.
    await requests.settle(mark, renewalId(volume), 'cancelled');
  }
}

function tally(words: readonly string[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}
