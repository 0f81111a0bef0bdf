import { batches } from '@certfleet/shared/batches.ts';
import { Queue } from 'bullmq';
import type { IndexedVolume } from '../fleet-index/indexed-volume.ts';
import type { Promotion } from '../lanes/lane-admission.ts';
import type { LanePolicies } from '../lanes/lane-policies.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import { dueQueueName } from '../redis/redis-keys.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { jobId } from './renewal-job.ts';
import type { DueJob } from './renewal-job.ts';
import { renewalTimes } from './renewal-schedule.ts';

const batchSize = 500;

/**
 * BullMQ's options for a queue on the shared connection: fail at once while Redis is away, and ask no version first, since
 * a queue that was made while Redis was away would remember the failure for ever.
 */
export const sharedQueueOptions = { skipWaitingForReady: true, skipVersionCheck: true } as const;

/** The queue in which each volume's next renewal waits for its time. */
export class DueQueue {
  readonly #redis: RedisClient;
  readonly #queue: Queue<DueJob>;
  readonly #policies: LanePolicies;
  readonly #now: () => number;

  constructor(redis: RedisClient, keys: RedisKeys, { policies, now }: { policies: LanePolicies; now: () => number }) {
    this.#redis = redis;
    this.#queue = new Queue<DueJob>(dueQueueName, {
      connection: redis,
      prefix: keys.controller,
      ...sharedQueueOptions,
      // Nobody reads the events; BullMQ writes them all the same.
      streams: { events: { maxLen: 10 } },
      // That a job leaves nothing behind is the workers' option: in each job it would cost every volume 50 bytes.
    });
    // BullMQ sets that limit once, when the queue is made: Redis may not be there yet, or lose it later.
    redis.on(
      'ready',
      () =>
        void this.#queue
          .getBackend()
          .setQueueMeta(this.#queue.metaValues)
          .catch(() => undefined),
    );
    // Failed commands are told to whoever sent them.
    this.#queue.on('error', () => undefined);
    this.#policies = policies;
    this.#now = now;
  }

  /** Schedules the next renewal of each volume that has a certificate; one that is scheduled already stays as it is. */
  async schedule(volumes: readonly IndexedVolume[]): Promise<void> {
    await this.#add(volumes, (dueAtMs) => dueAtMs - this.#now());
  }

  /** Schedules the volume's renewal after a wait, whatever its own time is. */
  async scheduleIn(volume: IndexedVolume, waitMs: number): Promise<void> {
    await this.#add([volume], () => waitMs);
  }

  /** Lets the volumes' renewals come now. */
  async bringForward(volumes: readonly IndexedVolume[]): Promise<void> {
    // Added as due at once where there is none; where there is one, the addition does nothing and the promotion acts.
    await this.#add(volumes, () => 0);
    await this.promote(volumes.map(jobId));
  }

  /** Lets a bulk renewal begin, by whichever replica takes it. */
  async addBulkStart(bulk: string): Promise<void> {
    await this.#queue.add('bulk', { b: bulk }, { jobId: `bulk-${bulk}`, priority: 1 });
  }

  /** Lets the volumes of a cancelled bulk renewal return to their own time. */
  async addBulkCancel(bulk: string): Promise<void> {
    await this.#queue.add('bulk', { b: bulk }, { jobId: `bulk-cancel-${bulk}`, priority: 1 });
  }

  /** Wakes delayed jobs; those that are not delayed, or gone, are left alone. */
  async promote(ids: readonly string[]): Promise<void> {
    await this.#each(ids, (id) => this.#queue.getBackend().promote(id));
  }

  /** Lets jobs that wait in a lane come when they may; those that are not delayed, or gone, are left alone. */
  async promoteJobs(promotions: readonly Promotion[]): Promise<void> {
    const backend = this.#queue.getBackend();
    await this.#each(promotions, ({ id, inMs }) => (inMs > 0 ? backend.changeDelay(id, inMs) : backend.promote(id)));
  }

  /** Whether a worker has the job in hand. */
  async isActive(id: string): Promise<boolean> {
    return (await this.#queue.getJobState(id)) === 'active';
  }

  /** Removes jobs; one that is being processed stays, and finds out by itself that it is obsolete. */
  async remove(ids: readonly string[]): Promise<void> {
    await this.#each(ids, (id) => this.#queue.remove(id));
  }

  /**
   * How many renewals are scheduled until each of the times and after the one before it; what has come due is no longer
   * scheduled. @param endsMs ascending, in milliseconds since the epoch
   */
  async scheduled(endsMs: readonly number[]): Promise<readonly number[]> {
    const key = this.#queue.toKey('delayed');
    return await Promise.all(
      endsMs.map(async (endMs, i) => {
        const from = i === 0 ? '-inf' : scoreOf(endsMs[i - 1] ?? 0);
        return await this.#redis.zcount(key, from, `(${scoreOf(endMs)}`);
      }),
    );
  }

  async counts(): Promise<{ readonly delayed: number; readonly waiting: number; readonly active: number }> {
    const counts = await this.#queue.getJobCounts('delayed', 'wait', 'prioritized', 'active');
    return {
      delayed: counts['delayed'] ?? 0,
      waiting: (counts['wait'] ?? 0) + (counts['prioritized'] ?? 0),
      active: counts['active'] ?? 0,
    };
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }

  async #add(volumes: readonly IndexedVolume[], delayOf: (dueAtMs: number) => number): Promise<void> {
    // Each by itself: such commands of one moment share a write, and BullMQ's addBulk would give every call a
    // transaction of its own, which for the one volume that most reports name costs more than the job.
    await inBatches(volumes, (volume) => this.#addOne(volume, delayOf));
  }

  async #addOne(volume: IndexedVolume, delayOf: (dueAtMs: number) => number): Promise<void> {
    const times = renewalTimes(volume, this.#policies.laneOf(volume.issuer), this.#now());
    if (times === undefined) return;
    const delay = Math.max(0, delayOf(times.dueAtMs));
    const data = { n: volume.node, v: volume.volumeId };
    await this.#queue.add('r', data, { jobId: jobId(volume), delay, priority: times.priority });
  }

  /** BullMQ refuses what a job's state does not allow with a negative code, which is as good as done here. */
  async #each<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
    await inBatches(items, (item) =>
      act(item).catch((error: unknown) => {
        if (!isRefusal(error)) throw error;
      }),
    );
  }
}

/** Acts on all, some hundreds at once; throws the first failure of a batch when all of it has ended. */
async function inBatches<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  for (const some of batches(items, batchSize)) {
    const results = await Promise.allSettled(some.map(act));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }
}

/** BullMQ orders delayed jobs by time and, within a millisecond, by a counter of twelve bits. */
function scoreOf(timeMs: number): number {
  return timeMs * 0x1000;
}

function isRefusal(error: unknown): boolean {
  const code: unknown = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'number' && code < 0;
}
