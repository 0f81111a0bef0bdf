// How fast renewals go from due to answered: through lane and node queue to the agent and back as a report, all in this
// process on a real redis-server; and what a volume costs in Redis.
import { systemClock } from '@certfleet/shared/clock.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import {
  TestAgent,
  enrol,
  reportOf,
  startReplica,
  until,
} from '@certfleet/renewal-controller/dispatch/testing/test-fleet.ts';
import type { TestReplica } from '@certfleet/renewal-controller/dispatch/testing/test-fleet.ts';
import { startRedisServer } from '../support/redis-server.ts';

/** What a run measures with. */
export interface DispatchBenchOptions {
  readonly nodes: number;
  readonly volumesPerNode: number;
  /** Issuers over which the volumes are spread. */
  readonly issuers: number;
}

/** What came out. */
export interface DispatchBenchResult {
  readonly renewals: number;
  /** From the dispatcher's start to the last report that was taken in. */
  readonly renewalsPerSecond: number;
  /** All of the index, BullMQ's job and its part of shared structures, divided by volumes. */
  readonly redisBytesPerVolume: number;
  /** From an empty Redis to every volume indexed and scheduled. */
  readonly rebuildMs: number;
  /** Connections to Redis: four of the controller, and two of each agent. */
  readonly connections: number;
  /** CPU of this process for each renewal, agents included, in milliseconds. */
  readonly cpuMsPerRenewal: number;
}

const hourMs = 3_600_000;

/** Runs once. */
export async function benchDispatch(options: DispatchBenchOptions): Promise<DispatchBenchResult> {
  const server = await startRedisServer();
  const logger = createLogger(0, { write: () => undefined });
  const policy = { ratePerSecond: 0, maxInFlight: 1_000_000 };
  const replica = startReplica({ url: server.url, prefix: 'bench', policy, logger }, false);
  const agents: TestAgent[] = [];
  try {
    await until(() => replica.connections.commands.status === 'ready');
    const total = options.nodes * options.volumesPerNode;
    const load = await loadFleet(replica, options);
    const answered = await startAgents(replica, options, agents);
    const startedMs = systemClock.now();
    const cpu = process.cpuUsage();
    replica.dispatcher.start();
    await until(() => answered.count >= total);
    const renewalsPerSecond = Math.round((total / (answered.lastMs - startedMs)) * 1000);
    const connections = await connectionsOf(replica);
    const { user, system } = process.cpuUsage(cpu);
    const cpuMsPerRenewal = Math.round((user + system) / total) / 1000;
    return { ...load, renewals: total, renewalsPerSecond, cpuMsPerRenewal, connections };
  } finally {
    await Promise.all(agents.map((agent) => agent.stop()));
    await replica.stop();
    await server.stop();
  }
}

/** Enrols every node with volumes that are due, while nobody dispatches. */
async function loadFleet(
  replica: TestReplica,
  options: DispatchBenchOptions,
): Promise<Pick<DispatchBenchResult, 'redisBytesPerVolume' | 'rebuildMs'>> {
  const emptyBytes = await usedBytes(replica);
  const startedMs = systemClock.now();
  for (const node of nodeNames(options)) await enrol(replica, node, volumesOf(node, options));
  const total = options.nodes * options.volumesPerNode;
  await until(() => replica.follower.view.size === total);
  const rebuildMs = systemClock.now() - startedMs;
  return { rebuildMs, redisBytesPerVolume: Math.round(((await usedBytes(replica)) - emptyBytes) / total) };
}

async function startAgents(
  replica: TestReplica,
  options: DispatchBenchOptions,
  agents: TestAgent[],
): Promise<{ count: number; lastMs: number }> {
  const answered = { count: 0, lastMs: 0 };
  for (const node of nodeNames(options)) {
    const session = await replica.index.openSession(node, { agentVersion: 'bench', connectedTo: 'bench' });
    const answer = async ({ volumeId, generation }: { volumeId: string; generation: number }): Promise<void> => {
      const renewAtMs = systemClock.now() + 24 * hourMs;
      const report = reportOf({ ...sketchOf(volumeId, options), renewAtMs, generation: generation + 1 });
      await replica.index.applyDelta(session, [report], []);
      answered.count += 1;
      answered.lastMs = systemClock.now();
    };
    agents.push(new TestAgent(replica, 'bench', node, answer));
  }
  return answered;
}

function nodeNames({ nodes }: DispatchBenchOptions): readonly string[] {
  return Array.from(
    { length: nodes },
    (_, i) => `ip-10-0-${Math.floor(i / 250)}-${i % 250}.eu-central-1.compute.internal`,
  );
}

function volumesOf(node: string, options: DispatchBenchOptions): readonly ReturnType<typeof reportOf>[] {
  return Array.from({ length: options.volumesPerNode }, (_, i) => reportOf(sketchOf(volumeIdOf(node, i), options)));
}

/** As long as the kubelet's: `csi-` and 64 hexadecimal digits. */
function volumeIdOf(node: string, i: number): string {
  return `csi-${Buffer.from(`${i}/${node}`).toString('hex').slice(0, 64).padEnd(64, '0')}`;
}

function sketchOf(id: string, { issuers }: DispatchBenchOptions): Parameters<typeof reportOf>[0] {
  const now = Date.now();
  const issuer = `issuer-${Number.parseInt(id.slice(4, 16), 16) % issuers}`;
  const times = { notBeforeMs: now - hourMs, renewAtMs: now - 1000, notAfterMs: now + 36 * hourMs };
  return { id, issuer, pod: 'payments-api-7c9c5d6f8d-x2x7k', namespace: 'payments', ...times };
}

async function connectionsOf({ connections }: TestReplica): Promise<number> {
  const list = await connections.commands.client('LIST');
  return String(list).trim().split('\n').length;
}

async function usedBytes({ connections }: TestReplica): Promise<number> {
  const info = await connections.commands.info('memory');
  return Number(/used_memory_dataset:(\d+)/.exec(info)?.[1]);
}
