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
export type DueResult =
  | { readonly done: true }
  | {
      readonly done: false;
      readonly waitMs: number;
      /** In how many ms it is to come if it was called before its wait had begun, which nobody could tell it then. */
      readonly promotionDelayMs?: () => Promise<number | undefined>;
    };

/** Keeps a job that takes long from being given to another worker; call it every second or so. */
export type ExtendLock = () => Promise<void>;

/** What a worker of the `due` queue stands on. */
export interface DueWorkerParts {
  /** Of the role `worker`, for this alone; BullMQ adds one that blocks. */
  readonly redis: RedisClient;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly concurrency: number;
  /** Every step of it may come twice for the same job. */
  readonly process: (id: string, data: DueJob, extendLock: ExtendLock) => Promise<DueResult>;
}

const lockDuration = 5_000;
const retryMs = 1_000;
/** A slot is not worth another move for less. */
const callSlackMs = 100;
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
      // The job of a replica that was killed is back after 5 to 10 s: short certificates live a minute. A step takes
      // milliseconds, so its lock is not renewed by a timer; BullMQ's would run on after a close that Redis does not answer.
      lockDuration,
      skipLockRenewal: true,
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
  }

  async #process(job: Job<DueJob>, token: string | undefined): Promise<void> {
    const result = await this.#attempt(job, token);
    if (result.done) return;
    try {
      await job.moveToDelayed(this.#parts.clock.now() + result.waitMs, token);
      const promotedInMs = (await result.promotionDelayMs?.()) ?? Infinity;
      // Refused when somebody else has promoted it meanwhile.
      if (promotedInMs <= 0) await job.promote().catch(() => undefined);
      else if (promotedInMs < result.waitMs - callSlackMs) await job.changeDelay(promotedInMs).catch(() => undefined);
    } catch (error) {
      // Not moved: its lock runs out, and BullMQ gives it to whoever lives. A failed job would be gone instead.
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

  /** One line for one kind of trouble, not one for each job that meets it. */
  #onError(error: Error): void {
    // Redis being away is told elsewhere, once.
    if (this.#parts.redis.status !== 'ready' || isConnectionError(error) || error.message === this.#lastError) return;
    this.#lastError = error.message;
    this.#parts.logger.warn({ error: error.message }, 'dispatch is hindered');
  }
}

/** Errors of sockets have codes, those of ioredis have texts. */
export function isConnectionError(error: Error): boolean {
  return 'syscall' in error || /^(Connection is closed|Stream isn't writeable|Command timed out)/.test(error.message);
}
