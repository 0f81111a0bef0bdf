// The nodes of bare-dispatch.ts in one process. Arguments: the URL of Redis, the number of nodes and of all jobs.
import { Worker } from 'bullmq';
import { bareNodeQueue } from './bare-dispatch.ts';
import type { BareJob, BareNodesMessage } from './bare-dispatch.ts';

const [url = '', nodes, jobs] = process.argv.slice(2);
const tell = (kind: BareNodesMessage['kind']): void => void process.send?.({ kind } satisfies BareNodesMessage);
let left = Number(jobs);
const workers = Array.from({ length: Number(nodes) }, (_, node) =>
  new Worker<BareJob>(bareNodeQueue(node), () => Promise.resolve(), {
    connection: { url, maxRetriesPerRequest: null },
    concurrency: 4,
  }).on('completed', () => {
    left -= 1;
    if (left === 0) tell('done');
  }),
);
await Promise.all(workers.map((worker) => worker.waitUntilReady()));
tell('ready');
