import { Queue } from 'bullmq';
import type { VolumeState } from '../fleet-index/volume-state.ts';
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
  readonly #queue: Queue<DueJob>;
  readonly #policies: LanePolicies;
  readonly #now: () => number;

  constructor(redis: RedisClient, keys: RedisKeys, { policies, now }: { policies: LanePolicies; now: () => number }) {
    this.#queue = new Queue<DueJob>(dueQueueName, {
      connection: redis,
      prefix: keys.controller,
      ...sharedQueueOptions,
      // Nobody reads the events; BullMQ writes them all the same.
      streams: { events: { maxLen: 10 } },
      // Answers leave nothing behind, so that an id is free again once its job is done.
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
    });
    // Failed commands are told to whoever sent them.
    this.#queue.on('error', () => undefined);
    this.#policies = policies;
    this.#now = now;
  }

  /** Schedules the next renewal of each volume that has a certificate; one that is scheduled already stays as it is. */
  async schedule(volumes: readonly VolumeState[]): Promise<void> {
    await this.#add(volumes, (dueAtMs) => dueAtMs - this.#now());
  }

  /** Lets the volumes' renewals come now. */
  async bringForward(volumes: readonly VolumeState[]): Promise<void> {
    // Added as due at once where there is none; where there is one, the addition does nothing and the promotion acts.
    await this.#add(volumes, () => 0);
    await this.promote(volumes.map(jobId));
  }

  /** Lets a bulk renewal begin, by whichever replica takes it. */
  async addBulkStart(bulk: string): Promise<void> {
    await this.#queue.add('bulk', { b: bulk }, { jobId: `bulk-${bulk}`, priority: 1 });
  }

  /** Wakes delayed jobs; those that are not delayed, or gone, are left alone. */
  async promote(ids: readonly string[]): Promise<void> {
    await this.#each(ids, (id) => this.#queue.getBackend().promote(id));
  }

  /** Removes jobs; one that is being processed stays, and finds out by itself that it is obsolete. */
  async remove(ids: readonly string[]): Promise<void> {
    await this.#each(ids, (id) => this.#queue.remove(id));
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

  async #add(volumes: readonly VolumeState[], delayOf: (dueAtMs: number) => number): Promise<void> {
    const jobs = volumes.flatMap((volume) => {
      const times = renewalTimes(volume, this.#policies.laneOf(volume.issuer));
      if (times === undefined) return [];
      const delay = Math.max(0, delayOf(times.dueAtMs));
      const data = { n: volume.node, v: volume.volumeId };
      return [{ name: 'r', data, opts: { jobId: jobId(volume), delay, priority: times.priority } }];
    });
    for (let from = 0; from < jobs.length; from += batchSize)
      await this.#queue.addBulk(jobs.slice(from, from + batchSize));
  }

  /** BullMQ refuses what a job's state does not allow with a negative code, which is as good as done here. */
  async #each(ids: readonly string[], act: (id: string) => Promise<unknown>): Promise<void> {
    for (let from = 0; from < ids.length; from += batchSize) {
      const some = ids.slice(from, from + batchSize);
      const results = await Promise.allSettled(some.map(act));
      const failed = results.find((result) => result.status === 'rejected' && !isRefusal(result.reason));
      if (failed?.status === 'rejected') throw failed.reason;
    }
  }
}

function isRefusal(error: unknown): boolean {
  const code: unknown = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'number' && code < 0;
}
