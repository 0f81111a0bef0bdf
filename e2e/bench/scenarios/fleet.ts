import { setTimeout as sleep } from 'node:timers/promises';
import { SimulatedFleet } from '../../fleet/simulation/simulated-fleet.ts';
import type { SimulatedFleetOptions, SketchOf } from '../../fleet/simulation/simulated-fleet.ts';
import { bareDispatchRate } from '../bare-dispatch.ts';
import type { Figure } from '../figure.ts';
import { cpuSecondsOf, memoryOf } from '../process-usage.ts';
import type { FleetScenario } from '../scenario.ts';

const dayMs = 86_400_000;
/** Time to report 20,000 volumes on an otherwise idle machine. */
const enrolMs = 90_000;
/** After this time the event loop has been idle and unused heap has been returned. */
const restMs = 75_000;

interface FleetSize {
  readonly nodes: number;
  readonly volumes: number;
}

/** A fleet whose lanes have no limits. */
function fleetOf(size: FleetSize): SimulatedFleetOptions {
  const defaults = { ratePerSecond: 0, maxInFlight: 1_000_000, jitter: 0 };
  return { ...size, program: 'bundle', hosts: 1, issueMs: 0, lanePolicies: { defaults } };
}

/** Volumes of 2,000 issuers, all due at the same time. */
function dueAt(renewAtMs: number): SketchOf {
  return (index) => ({ issuer: `issuer-${index % 2_000}`, lifetimeMs: dayMs, renewAtMs });
}

async function redisBytes({ admin }: SimulatedFleet): Promise<number> {
  return Number(/used_memory_dataset:(\d+)/.exec(await admin.info('memory'))?.[1]);
}

async function redisCpuSeconds({ admin }: SimulatedFleet): Promise<number> {
  const text = await admin.info('cpu');
  return ['user', 'sys'].reduce((sum, kind) => sum + Number(new RegExp(`used_cpu_${kind}:(\\S+)`).exec(text)?.[1]), 0);
}

const atMost = (value: number): Figure['goal'] => ({ of: 'agent', is: '≤', value });
const figure = (name: string, unit: Figure['unit'], value: number, goal?: Figure['goal']): Figure => ({
  name,
  unit,
  agent: [value],
  ...(goal && { goal }),
});

/** 20,000 renewals due at once, through lane and node queue to the report of each. */
export const dispatchScenario: FleetScenario = {
  name: 'dispatch',
  async run(log) {
    const size = { nodes: 200, volumes: 20_000 };
    const floor = (): Promise<number> => bareDispatchRate({ nodes: size.nodes, jobs: size.volumes });
    const before = await floor();
    const { rate, figures } = await dispatch(size);
    const after = await floor();
    log(`dispatch: ${rate.toFixed(0)}/s between floors of ${before.toFixed(0)}/s and ${after.toFixed(0)}/s`);
    const goal = { of: 'agent', is: '≥', value: 800 } as const;
    return [
      { name: 'renewals-dispatched', unit: '1/s', agent: [rate], floor: [(before + after) / 2], goal },
      ...figures,
    ];
  },
};

async function dispatch(size: FleetSize): Promise<{ readonly rate: number; readonly figures: readonly Figure[] }> {
  await using fleet = await SimulatedFleet.start(fleetOf(size));
  const dueAtMs = Date.now() + enrolMs;
  await fleet.connect(dueAt(dueAtMs));
  await fleet.untilIndexed();
  const users = [...(await fleet.connectionsByUser())].filter(([user]) => user !== 'default');
  if (Date.now() > dueAtMs - 1_000) throw new Error(`not all agents had reported within ${enrolMs} ms`);
  await sleep(dueAtMs - Date.now() - 1_000);
  const cpu = async (): Promise<readonly number[]> => [
    cpuSecondsOf(fleet.controller.pid),
    await redisCpuSeconds(fleet),
    fleet.hosts.pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
  ];
  const before = await cpu();
  const answered = 'renewals_total{result="ok",path="controller"}';
  while ((await fleet.hosts.renewed()) < size.volumes) await sleep(200);
  while ((await fleet.controller.metric(answered)) < size.volumes) await sleep(50);
  const lastMs = Date.now();
  const [controller = NaN, redis = NaN, agents = NaN] = (await cpu()).map(
    (seconds, i) => ((seconds - (before[i] ?? 0)) / size.volumes) * 1000,
  );
  const issuances = await fleet.hosts.issuances();
  const firstMs = Math.min(...issuances.map(({ startedMs }) => startedMs));
  const figures = [
    figure('controller-cpu-per-renewal', 'ms', controller),
    figure('redis-cpu-per-renewal', 'ms', redis),
    figure('agents-cpu-per-renewal', 'ms', agents),
    figure('renewed-twice', '', issuances.length - size.volumes, atMost(0)),
    figure('redis-connections-per-node', '', Math.max(...users.map(([, count]) => count)), atMost(3)),
  ];
  return { rate: (size.volumes / (lastMs - firstMs)) * 1000, figures };
}

/** A Redis that is killed and restarts empty. */
export const redisLostScenario: FleetScenario = {
  name: 'redis-lost',
  async run() {
    await using fleet = await SimulatedFleet.start(fleetOf({ nodes: 200, volumes: 20_000 }));
    await fleet.connect(dueAt(Date.now() + dayMs / 2));
    await fleet.untilIndexed();
    await sleep(5_000);
    const lostMs = Date.now();
    await fleet.redis.kill();
    await fleet.redis.start();
    await fleet.untilIndexed();
    return [figure('index-whole-after-loss', 's', (Date.now() - lostMs) / 1000, atMost(60))];
  },
};

/** Memory of controller and Redis with 20,000 and with 100,000 volumes. */
export const controllerMemoryScenario: FleetScenario = {
  name: 'controller-memory',
  async run(log) {
    const measured: { resident: number; bytes: number }[] = [];
    for (const volumes of [20_000, 100_000]) {
      await using fleet = await SimulatedFleet.start(fleetOf({ nodes: 200, volumes }));
      const emptyBytes = await redisBytes(fleet);
      await fleet.connect(dueAt(Date.now() + dayMs / 2));
      await fleet.untilIndexed();
      await sleep(restMs);
      const memory = memoryOf(fleet.controller.pid);
      log(`controller-memory: ${volumes} volumes ${JSON.stringify(memory)}`);
      measured.push({ resident: memory.residentMb, bytes: ((await redisBytes(fleet)) - emptyBytes) / volumes });
    }
    const [small = { resident: NaN, bytes: NaN }, large = small] = measured;
    return [
      figure('controller-resident-20000', 'MB', small.resident),
      figure('controller-resident-100000', 'MB', large.resident, atMost(300)),
      figure('controller-bytes-per-volume', 'B', ((large.resident - small.resident) * 1e6) / 80_000),
      figure('redis-bytes-per-volume-20000', 'B', small.bytes, atMost(2_000)),
      figure('redis-bytes-per-volume-100000', 'B', large.bytes, atMost(2_000)),
    ];
  },
};
