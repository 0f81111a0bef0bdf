import { Queue } from 'bullmq';
import type { RedisClient } from '../redis/create-redis.ts';
import { nodeQueueName, nodeQueuePrefix } from '../redis/redis-keys.ts';
import { sharedQueueOptions } from './due-queue.ts';
import type { DeferralJob, NodeJob } from './renewal-job.ts';

/** Queue objects that are kept for the next job of the same node. */
const maxKept = 256;

/** The nodes' queues, as their writer sees them: all on one connection, each an object only while it is used. */
export class NodeQueues {
  readonly #redis: RedisClient;
  readonly #prefix: string;
  /** In the order of their last use. */
  readonly #queues = new Map<string, Queue<NodeJob | DeferralJob>>();

  constructor(redis: RedisClient, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  /** Adds a renewal unless one of this id is there. */
  async add(node: string, id: string, { job, priority }: { job: NodeJob; priority: number }): Promise<void> {
    await this.#queueOf(node).add('renew', job, { jobId: id, priority });
  }

  /** Tells a node that a renewal is held. Without a priority: BullMQ then gives it out before the renewals. */
  async defer(node: string, id: string, job: DeferralJob): Promise<void> {
    await this.#queueOf(node).add('defer', job, { jobId: `${id}-defer` });
  }

  /** Takes back a job that its agent has not begun; answers whether there was one. */
  async remove(node: string, id: string): Promise<boolean> {
    return (await this.#queueOf(node).remove(id)) > 0;
  }

  /** Jobs that wait for their agent. */
  async waiting(node: string): Promise<number> {
    return await this.#queueOf(node).getJobCountByTypes('wait', 'prioritized');
  }

  /** Removes a node's queue with everything in it. */
  async obliterate(node: string): Promise<void> {
    const queue = this.#queueOf(node);
    this.#queues.delete(node);
    await queue.obliterate({ force: true });
    await queue.close();
  }

  /** Lets go of all queue objects; Redis may have lost what they set up. */
  async close(): Promise<void> {
    const queues = [...this.#queues.values()];
    this.#queues.clear();
    await Promise.allSettled(queues.map((queue) => queue.close()));
  }

  #queueOf(node: string): Queue<NodeJob | DeferralJob> {
    const kept = this.#queues.get(node);
    if (kept !== undefined) {
      this.#queues.delete(node);
      this.#queues.set(node, kept);
      return kept;
    }
    const queue = new Queue<NodeJob | DeferralJob>(nodeQueueName, {
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
      // On a shared connection this unhooks listeners; commands under way are not affected.
      queue.close().catch(() => undefined);
      return;
    }
  }
}
