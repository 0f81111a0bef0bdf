import { nodeJobNames } from '@certfleet/fleet-model/node-job.ts';
import type { DeferralJob, RenewalJob } from '@certfleet/fleet-model/node-job.ts';
import { Queue } from 'bullmq';
import type { RedisClient } from '../redis/create-redis.ts';
import { nodeQueueName, nodeQueuePrefix } from '../redis/redis-keys.ts';
import { sharedQueueOptions } from './due-queue.ts';

/** Number of queue objects that are cached. */
const maxKept = 256;

/** The queues of the nodes, for writing: all share one connection, and queue objects are cached. */
export class NodeQueues {
  readonly #redis: RedisClient;
  readonly #prefix: string;
  /** In order of last use. */
  readonly #queues = new Map<string, Queue<RenewalJob | DeferralJob>>();

  constructor(redis: RedisClient, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  /** Adds a renewal unless a job with this id exists. */
  async add(node: string, id: string, { job, priority }: { job: RenewalJob; priority: number }): Promise<void> {
    await this.#queueOf(node).add(nodeJobNames.renewal, job, { jobId: id, priority });
  }

  /** Sends a deferral to a node. Without a priority, BullMQ delivers it before the renewals. */
  async defer(node: string, id: string, job: DeferralJob): Promise<void> {
    await this.#queueOf(node).add(nodeJobNames.deferral, job, { jobId: `${id}-defer` });
  }

  /** Removes a job that its agent has not begun; returns whether it existed. */
  async remove(node: string, id: string): Promise<boolean> {
    return (await this.#queueOf(node).remove(id)) > 0;
  }

  /** Number of jobs that the agent has not taken. */
  async waiting(node: string): Promise<number> {
    return await this.#queueOf(node).getJobCountByTypes('wait', 'prioritized');
  }

  /** Removes a node's queue with all its jobs. */
  async obliterate(node: string): Promise<void> {
    const queue = this.#queueOf(node);
    this.#queues.delete(node);
    await queue.obliterate({ force: true });
    await queue.close();
  }

  /** Drops all queue objects, for example because Redis may have lost the metadata that they wrote. */
  async close(): Promise<void> {
    const queues = [...this.#queues.values()];
    this.#queues.clear();
    await Promise.allSettled(queues.map((queue) => queue.close()));
  }

  #queueOf(node: string): Queue<RenewalJob | DeferralJob> {
    const kept = this.#queues.get(node);
    if (kept !== undefined) {
      this.#queues.delete(node);
      this.#queues.set(node, kept);
      return kept;
    }
    const queue = new Queue<RenewalJob | DeferralJob>(nodeQueueName, {
      connection: this.#redis,
      prefix: nodeQueuePrefix(this.#prefix, node),
      ...sharedQueueOptions,
      streams: { events: { maxLen: 10 } },
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
    });
    queue.on('error', () => undefined);
    this.#queues.set(node, queue);
    this.#letGoOfOldest();
    return queue;
  }

  #letGoOfOldest(): void {
    if (this.#queues.size <= maxKept) return;
    for (const [node, queue] of this.#queues) {
      this.#queues.delete(node);
      // On a shared connection this only removes listeners; pending commands are not affected.
      queue.close().catch(() => undefined);
      return;
    }
  }
}
