import { fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { startRedisServer } from '../support/redis-server.ts';

export interface BareDispatchOrder {
  readonly nodes: number;
  readonly jobs: number;
}

/** A job of either queue. */
export interface BareJob {
  readonly node: number;
  readonly volumeId: string;
}

/** Messages of the nodes' process: its workers wait, or the last job is done. */
export interface BareNodesMessage {
  readonly kind: 'ready' | 'done';
}

export const bareNodeQueue = (node: number): string => `node-${node}`;

/**
 * The floor of dispatch: the two BullMQ hops of a renewal and nothing else. One worker takes jobs from a lane, with the
 * controller's concurrency, and puts each into the queue of its node; a process with all nodes' workers takes it from
 * there. There are no limits, deadlines, reports or certificates.
 *
 * @returns jobs per second, from the lane's first job to the last one completed by a node
 */
export async function bareDispatchRate({ nodes, jobs }: BareDispatchOrder): Promise<number> {
  const redis = await startRedisServer();
  const nodesProcess = fork(resolve(import.meta.dirname, 'bare-nodes.ts'), [redis.url, `${nodes}`, `${jobs}`]);
  const message = async (kind: BareNodesMessage['kind']): Promise<void> => {
    const ended = once(nodesProcess, 'exit').then(() => Promise.reject(new Error('the nodes’ process ended')));
    const [found] = (await Promise.race([once(nodesProcess, 'message'), ended])) as [BareNodesMessage];
    if (found.kind !== kind) throw new Error(`expected the nodes' process to be ${kind}, found ${found.kind}`);
  };
  // Shared by all queues as in the controller; a worker opens one more blocking connection.
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  const options = { connection };
  const queues = Array.from({ length: nodes }, (_, node) => new Queue<BareJob>(bareNodeQueue(node), options));
  const lane = new Queue<BareJob>('lane', options);
  const dispatcher = new Worker<BareJob>(
    'lane',
    async ({ data }) => {
      await queues[data.node]?.add('renew', data, { removeOnComplete: true });
    },
    { ...options, concurrency: 64, autorun: false },
  );
  try {
    await message('ready');
    const bulk = Array.from({ length: jobs }, (_, index) => ({
      name: 'due',
      data: { node: index % nodes, volumeId: `volume-${index}` },
      opts: { removeOnComplete: true },
    }));
    await lane.addBulk(bulk);
    const startedMs = performance.now();
    // The worker's promise ends with it, unless it fails.
    await Promise.race([message('done'), dispatcher.run()]);
    return (jobs / (performance.now() - startedMs)) * 1000;
  } finally {
    nodesProcess.kill();
    await dispatcher.close();
    await Promise.all([lane, ...queues].map((queue) => queue.close()));
    connection.disconnect();
    await redis.stop();
  }
}
