import { batches } from '@certfleet/shared/batches.ts';
import { Queue } from 'bullmq';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
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
 * BullMQ options of a queue on the shared connection: commands fail at once while Redis is unavailable, and no version
 * check runs, because a queue created during an outage would keep the failed check.
 */
export const sharedQueueOptions = { skipWaitingForReady: true, skipVersionCheck: true } as const;

/** The BullMQ queue that schedules the next renewal of each volume. */
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
      // BullMQ writes events even though this project does not read them.
      streams: { events: { maxLen: 10 } },
      // The workers' options remove finished jobs; an option in each job would cost 50 bytes per volume.
    });
    // BullMQ sets the limit of events only when the queue is created: Redis may be unavailable then, or lose it later.
    redis.on(
      'ready',
      () =>
        void this.#queue
          .getBackend()
          .setQueueMeta(this.#queue.metaValues)
          .catch(() => undefined),
    );
    // A failed command rejects its own promise.
    this.#queue.on('error', () => undefined);
    this.#policies = policies;
    this.#now = now;
  }

  /** Schedules the next renewal of each volume that has a certificate; an existing job stays unchanged. */
  async schedule(volumes: readonly IndexedVolume[]): Promise<void> {
    await this.#add(volumes, (dueAtMs) => dueAtMs - this.#now());
  }

  /** Schedules the volume's renewal after a wait, regardless of its renewal time. */
  async scheduleIn(volume: IndexedVolume, waitMs: number): Promise<void> {
    await this.#add([volume], () => waitMs);
  }

  /** Makes the renewals of the volumes due now. */
  async bringForward(volumes: readonly IndexedVolume[]): Promise<void> {
    // The addition creates missing jobs as due; the promotion affects existing ones, which the addition leaves
    // unchanged.
    await this.#add(volumes, () => 0);
    await this.promote(volumes.map(jobId));
  }

  /** Adds the job that begins a bulk renewal, or makes it due; any replica may process it. */
  async addBulkStart(bulk: string): Promise<void> {
    await this.#addDue(`bulk-${bulk}`, bulk);
  }

  /** Adds the job that restores the schedule of the volumes of a cancelled bulk renewal. */
  async addBulkCancel(bulk: string): Promise<void> {
    await this.#addDue(`bulk-cancel-${bulk}`, bulk);
  }

  /** Promotes delayed jobs; ignores jobs that are not delayed or do not exist. */
  async promote(ids: readonly string[]): Promise<void> {
    await this.#each(ids, (id) => this.#queue.getBackend().promote(id));
  }

  /** Moves jobs that wait in a lane to their new time; ignores jobs that are not delayed or do not exist. */
  async promoteJobs(promotions: readonly Promotion[]): Promise<void> {
    const backend = this.#queue.getBackend();
    await this.#each(promotions, ({ id, inMs }) => (inMs > 0 ? backend.changeDelay(id, inMs) : backend.promote(id)));
  }

  /** Whether a worker is processing the job. */
  async isActive(id: string): Promise<boolean> {
    return (await this.#queue.getJobState(id)) === 'active';
  }

  /** Removes jobs. A job that is being processed stays; its worker finds that it is obsolete. */
  async remove(ids: readonly string[]): Promise<void> {
    await this.#each(ids, (id) => this.#queue.remove(id));
  }

  /**
   * The number of renewals scheduled before each of the times and not before the preceding one. Renewals that are
   * already due are not counted.
   * @param endsMs ascending, in milliseconds since the epoch
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

  /** An existing job may be delayed by the wall clock of a replica whose clock was wrong. */
  async #addDue(id: string, bulk: string): Promise<void> {
    await this.#queue.add('bulk', { b: bulk }, { jobId: id, priority: 1 });
    await this.promote([id]);
  }

  async #add(volumes: readonly IndexedVolume[], delayOf: (dueAtMs: number) => number): Promise<void> {
    // One call per volume: such commands of one turn share a write, and BullMQ's addBulk would use a transaction per
    // call, which costs more than the job for the single volume that most reports contain.
    await inBatches(volumes, (volume) => this.#addOne(volume, delayOf));
  }

  async #addOne(volume: IndexedVolume, delayOf: (dueAtMs: number) => number): Promise<void> {
    const times = renewalTimes(volume, this.#policies.laneOf(volume.issuer), this.#now());
    if (times === undefined) return;
    const delay = Math.max(0, delayOf(times.dueAtMs));
    const data = { n: volume.node, v: volume.volumeId };
    await this.#queue.add('r', data, { jobId: jobId(volume), delay, priority: times.priority });
  }

  /** BullMQ rejects an action that the job's state does not allow with a negative code, which callers may ignore. */
  async #each<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
    await inBatches(items, (item) =>
      act(item).catch((error: unknown) => {
        if (!isRefusal(error)) throw error;
      }),
    );
  }
}

/** Acts on all items, some hundreds concurrently; throws the first failure of a batch after the batch has ended. */
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
