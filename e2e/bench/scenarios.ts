import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchAgent } from './bench-agent.ts';
import type { BenchCluster } from './bench-cluster.ts';
import type { Floor } from './floor.ts';
import { cpuSecondsOf, memoryOf } from './process-usage.ts';
import { median, timeAll } from './statistics.ts';

/** One line of the report. */
export interface Result {
  readonly name: string;
  readonly figure: string;
  /** Ratio to the floor of the same run; undefined where there is no floor. */
  readonly ratio: number | undefined;
  readonly goal: string;
}

/** What scenarios run on. */
export interface Bench {
  readonly cluster: BenchCluster;
  readonly floor: Floor;
  readonly agent: BenchAgent;
  readonly rounds: number;
}

interface MountShape {
  readonly name: string;
  readonly algorithm: 'ECDSA' | 'RSA';
  readonly count: number;
  readonly width: number;
  readonly goal: string;
}

const milliseconds = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} ms`;

/** Mounts against the floor, round by round in turn, so that a drift of the machine meets both. */
export async function mounts(bench: Bench, shape: MountShape): Promise<Result> {
  const { cluster, floor, agent } = bench;
  const pods = cluster.pods.slice(0, shape.count);
  const { namespace, issuer } = cluster;
  const value = shape.width === 1 ? (each: readonly number[]): number => median(each) : undefined;
  const floorMs: number[] = [];
  const agentMs: number[] = [];
  for (let round = 0; round < bench.rounds; round++) {
    const floorTiming = await floor.measure({
      namespace,
      issuer,
      algorithm: shape.algorithm,
      pods,
      width: shape.width,
    });
    const volumes = pods.map((pod) => agent.volume(pod, shape.algorithm));
    const agentTiming = await timeAll(volumes, shape.width, (volume) => agent.client.publish(volume));
    floorMs.push(value?.(floorTiming.eachMs) ?? floorTiming.wallMs);
    agentMs.push(value?.(agentTiming.eachMs) ?? agentTiming.wallMs);
    await Promise.all(volumes.map((volume) => agent.client.unpublish(volume)));
    if (shape.algorithm === 'RSA') await restockKeys(agent);
  }
  const ratio = median(agentMs) / median(floorMs);
  const each = agentMs.map((ms, index) => (ms / (floorMs[index] ?? Number.NaN)).toFixed(2)).join(' ');
  const figure = `${milliseconds(median(agentMs))}, floor ${milliseconds(median(floorMs))} (rounds ${each})`;
  return { name: shape.name, figure, ratio, goal: shape.goal };
}

/** A node has minutes between crowds of pods; a benchmark gives the stock the same rest, as its CPU time goes quiet. */
export async function restockKeys(agent: BenchAgent): Promise<void> {
  await sleep(6_000);
  await quiet(agent);
}

async function quiet(agent: BenchAgent): Promise<void> {
  for (let quietSeconds = 0; quietSeconds < 3;) {
    const before = cpuSecondsOf(agent.pid);
    await sleep(1_000);
    quietSeconds = cpuSecondsOf(agent.pid) - before < 0.02 ? quietSeconds + 1 : 0;
  }
}

/** A hundred unpublishes at once. */
export async function unpublish({ cluster, agent, rounds }: Bench): Promise<Result> {
  const walls: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const volumes = cluster.pods.slice(0, 100).map((pod) => agent.volume(pod, 'ECDSA'));
    await Promise.all(volumes.map((volume) => agent.client.publish(volume)));
    walls.push((await timeAll(volumes, 100, (volume) => agent.client.unpublish(volume))).wallMs);
  }
  const wallMs = median(walls);
  const figure = `${milliseconds(wallMs)} (${Math.round(100_000 / wallMs)}/s)`;
  return { name: 'unpublish, 100 at once', figure, ratio: undefined, goal: 'under 130 ms' };
}

/** Memory of the agent as it is now. */
export function memory({ agent }: Bench, name: string, goal: string): Result {
  const { residentMb, anonymousMb } = memoryOf(agent.pid);
  const figure = `${residentMb.toFixed(0)} MB resident, ${anonymousMb.toFixed(0)} MB anonymous`;
  return { name, figure, ratio: undefined, goal };
}

/** Memory with 500 volumes, and the CPU that a minute of rest takes with them. */
export async function fullNode(bench: Bench): Promise<Result[]> {
  const { cluster, agent } = bench;
  const volumes = cluster.pods.map((pod) => agent.volume(pod, 'ECDSA'));
  await timeAll(volumes, 100, (volume) => agent.client.publish(volume));
  await quiet(agent);
  const atRest = memory(bench, `memory, ${volumes.length} volumes`, 'at most 100 MB resident');
  const before = cpuSecondsOf(agent.pid);
  await sleep(60_000);
  const percent = ((cpuSecondsOf(agent.pid) - before) / 60) * 100;
  await timeAll(volumes, 100, (volume) => agent.client.unpublish(volume));
  const idle = {
    name: `CPU over 60 idle seconds, ${volumes.length} volumes`,
    figure: `${percent.toFixed(2)} % of a core`,
  };
  return [atRest, { ...idle, ratio: undefined, goal: 'under 0.3 %' }];
}
