import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { DelayedError, Worker } from 'bullmq';
import type { Job } from 'bullmq';
import type { RedisClient } from '../redis/create-redis.ts';
import { dueQueueName } from '../redis/redis-keys.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import type { DueJob } from './renewal-job.ts';

/** What became of a job: done with, or to come again. */
export type DueResult = { readonly done: true } | { readonly done: false; readonly waitMs: number };

/** What a worker of the `due` queue stands on. */
export interface DueWorkerParts {
  /** Of the role `worker`, for this alone; BullMQ adds one that blocks. */
  readonly redis: RedisClient;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly concurrency: number;
  /** Every step of it may come twice for the same job. */
  readonly process: (id: string, data: DueJob) => Promise<DueResult>;
}

const retryMs = 1_000;
const closeLimitMs = 5_000;

/** Takes what is due. Any number of them in any number of replicas share the work: BullMQ's locks decide who has what. */
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
      // The job of a replica that was killed is back after 5 to 10 s: short certificates live a minute.
      lockDuration: 5_000,
      stalledInterval: 5_000,
      // A job is idempotent: it may come again as often as replicas are killed in the middle of it.
      maxStalledCount: 1_000_000,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
      runRetryDelay: 1_000,
    });
    this.#worker.on('error', (error) => this.#onError(error));
    this.#worker.on('completed', () => (this.#lastError = ''));
  }

  /** Takes no more jobs and waits for those in hand, some seconds at most: closing waits for Redis, which may be away. */
  async stop(): Promise<void> {
    const closed = this.#worker.close().catch(() => undefined);
    const stopWaiting = new AbortController();
    const limit = delay(this.#parts.clock, closeLimitMs, stopWaiting.signal).catch(() => undefined);
    await Promise.race([closed, limit]);
    stopWaiting.abort();
    // What is still open after the limit would try to connect for ever.
    void this.#worker.disconnect().catch(() => undefined);
  }

  async #process(job: Job<DueJob>, token: string | undefined): Promise<void> {
    const result = await this.#attempt(job);
    if (result.done) return;
    try {
      await job.moveToDelayed(this.#parts.clock.now() + result.waitMs, token);
    } catch (error) {
      // Not moved: its lock runs out, and BullMQ gives it to whoever lives. A failed job would be gone instead.
      this.#onError(error instanceof Error ? error : new Error(String(error)));
    }
    throw new DelayedError();
  }

  async #attempt(job: Job<DueJob>): Promise<DueResult> {
    try {
      return await this.#parts.process(job.id ?? '', job.data);
    } catch (error) {
      this.#onError(error instanceof Error ? error : new Error(String(error)));
      return { done: false, waitMs: retryMs };
    }
  }

  /** One line for one kind of trouble, not one for each job that meets it. */
  #onError(error: Error): void {
    if (error.message === this.#lastError) return;
    this.#lastError = error.message;
    this.#parts.logger.warn({ error: error.message }, 'dispatch is hindered');
  }
}
