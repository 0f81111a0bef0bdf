import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { DelayedError, Worker } from 'bullmq';
import type { Job } from 'bullmq';
import type { RedisClient } from '../redis/create-redis.ts';
import { dueQueueName } from '../redis/redis-keys.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { isRedisUnavailable } from '../redis/redis-unavailable.ts';
import type { DueJob } from './renewal-job.ts';

/** Result of a job: done, or to be repeated after a wait. */
export type DueResult =
  | { readonly done: true }
  | {
      readonly done: false;
      readonly waitMs: number;
      /**
       * Returns the new wait in ms if the lane promoted the job before the wait was stored; undefined if the wait is
       * still valid.
       */
      readonly promotionDelayMs?: () => Promise<number | undefined>;
    };

/** Extends the lock of a long-running job, so that no other worker receives it; call it about every second. */
export type ExtendLock = () => Promise<void>;

export interface DueWorkerParts {
  /** A connection of the role `worker` for this worker only; BullMQ adds a blocking one. */
  readonly redis: RedisClient;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly concurrency: number;
  /** May run more than once for the same job, so every step must be idempotent. */
  readonly process: (id: string, data: DueJob, extendLock: ExtendLock) => Promise<DueResult>;
}

const lockDuration = 5_000;
const retryMs = 1_000;
/** A job is not moved for a smaller difference. */
const promotionSlackMs = 100;
const closeLimitMs = 5_000;

/** Processes due jobs. Any number of workers and replicas share the queue through BullMQ's locks. */
export class DueWorker {
  readonly #parts: DueWorkerParts;
  readonly #worker: Worker<DueJob>;
  #lastError = '';

  constructor(parts: DueWorkerParts) {
    this.#parts = parts;
    this.#worker = new Worker<DueJob>(dueQueueName, (job, token) => this.#process(job, token), {
      connection: parts.redis,
      prefix: parts.keys.controller,
      concurrency: parts.concurrency,
      // The job of a replica that was killed returns after 5 to 10 s, because short-lived certificates last about a
      // minute. No timer renews the lock, because a step takes milliseconds and BullMQ's timer would survive a close
      // that Redis does not answer.
      lockDuration,
      skipLockRenewal: true,
      stalledInterval: 5_000,
      // Jobs are idempotent: a job may stall as often as replicas are killed while they process it.
      maxStalledCount: 1_000_000,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
      runRetryDelay: 1_000,
    });
    this.#worker.on('error', (error) => this.#onError(error));
    this.#worker.on('completed', () => (this.#lastError = ''));
  }

  /**
   * Stops taking jobs and waits up to some seconds for active ones; closing waits for Redis, which may be unavailable.
   */
  async stop(): Promise<void> {
    const closed = this.#worker.close().catch(() => undefined);
    const stopWaiting = new AbortController();
    const limit = delay(this.#parts.clock, closeLimitMs, stopWaiting.signal).catch(() => undefined);
    await Promise.race([closed, limit]);
    stopWaiting.abort();
  }

  async #process(job: Job<DueJob>, token: string | undefined): Promise<void> {
    const result = await this.#attempt(job, token);
    if (result.done) return;
    try {
      await job.moveToDelayed(this.#parts.clock.now() + result.waitMs, token);
      const promotedInMs = (await result.promotionDelayMs?.()) ?? Infinity;
      // Fails if another replica has promoted it, which is fine.
      if (promotedInMs <= 0) await job.promote().catch(() => undefined);
      else if (promotedInMs < result.waitMs - promotionSlackMs)
        await job.changeDelay(promotedInMs).catch(() => undefined);
    } catch (error) {
      // Not moved: the lock expires and BullMQ gives the job to another worker. A failed job would be deleted.
      this.#onError(error instanceof Error ? error : new Error(String(error)));
    }
    throw new DelayedError();
  }

  async #attempt(job: Job<DueJob>, token = ''): Promise<DueResult> {
    try {
      return await this.#parts.process(job.id ?? '', job.data, async () => {
        await job.extendLock(token, lockDuration);
      });
    } catch (error) {
      this.#onError(error instanceof Error ? error : new Error(String(error)));
      return { done: false, waitMs: retryMs };
    }
  }

  /** Logs one line per kind of error, not one per job. */
  #onError(error: Error): void {
    // The connection's owner and the probe report that Redis is unavailable.
    if (this.#parts.redis.status !== 'ready' || isRedisUnavailable(error) || error.message === this.#lastError) return;
    this.#lastError = error.message;
    this.#parts.logger.warn({ error: error.message }, 'dispatch failed, retrying');
  }
}
