import { setTimeout as sleep } from 'node:timers/promises';
import { BenchAgent } from '../bench-agent.ts';
import type { Algorithm } from '../bench-cluster.ts';
import type { Figure } from '../figure.ts';
import { settleMs } from '../scenario.ts';
import type { Bench, Scenario } from '../scenario.ts';
import { median } from '../timings.ts';
import type { Timings } from '../timings.ts';

/** The key pool of a node that has mounted RSA volumes before, by the flag's default. */
const fullStock = 112;
const stockLimitMs = 600_000;

interface MountOptions {
  readonly name: string;
  readonly algorithm: Algorithm;
  readonly count: number;
  readonly concurrency: number;
  readonly goal: number;
}

/**
 * Mounts compared with the bare client, alternating: floor, agent, floor, agent, floor. An agent's floor is the mean of
 * its neighbours, so that a change of the machine's speed affects both equally. Ratios use p50 for single mounts,
 * otherwise the total.
 */
export function mountScenario(options: MountOptions): Scenario {
  const { name, algorithm, count, concurrency, goal } = options;
  const isOneByOne = concurrency === 1;
  const figureOf = ({ eachMs, wallMs }: Timings): number => (isOneByOne ? median(eachMs) : wallMs / 1000);
  const run = async (bench: Bench): Promise<readonly Figure[]> => {
    const agent = await BenchAgent.start(bench.cluster);
    const [floorTimes, agentTimes]: [number[], number[]] = [[], []];
    try {
      await warmUp(bench, agent, algorithm);
      const floorTime = async (): Promise<number> => {
        // An agent that is filling its key pool would slow down the floor.
        if (algorithm === 'RSA') await fillStock(agent);
        const time = figureOf(await bench.floor.issue(agent.volumes(algorithm, count), concurrency));
        await settle(bench);
        return time;
      };
      let before = await floorTime();
      for (let round = 1; round <= bench.rounds; round += 1) {
        const volumes = agent.volumes(algorithm, count);
        agentTimes.push(figureOf(await agent.publish(volumes, concurrency)));
        await agent.untilEventsWritten();
        await settle(bench);
        await agent.unpublish(volumes, 16);
        const after = await floorTime();
        floorTimes.push((before + after) / 2);
        bench.log(`${name}, round ${round}: floor ${before}, agent ${agentTimes.at(-1) ?? 0}, floor ${after}`);
        before = after;
      }
    } finally {
      await agent.stop();
    }
    const unit = isOneByOne ? 'ms' : 's';
    return [{ name, unit, agent: agentTimes, floor: floorTimes, goal: { of: 'ratio', is: '≤', value: goal } }];
  };
  return { name, run };
}

/** 100 concurrent unpublishes, as when a node is drained. */
export const unpublishScenario: Scenario = {
  name: 'unpublish-100-at-once',
  run: async (bench) => {
    const agent = await BenchAgent.start(bench.cluster);
    const seconds: number[] = [];
    try {
      await warmUp(bench, agent, 'ECDSA');
      for (let round = 0; round < bench.rounds; round += 1) {
        const volumes = agent.volumes('ECDSA', 100);
        await agent.publish(volumes, 100);
        await settle(bench);
        seconds.push((await agent.unpublish(volumes, 100)).wallMs / 1000);
      }
    } finally {
      await agent.stop();
    }
    const perSecond = seconds.map((value) => 100 / value);
    return [
      { name: 'unpublish-100-at-once', unit: 's', agent: seconds, goal: { of: 'agent', is: '≤', value: 0.13 } },
      { name: 'unpublished-per-second', unit: '1/s', agent: perSecond, goal: { of: 'agent', is: '≥', value: 750 } },
    ];
  },
};

/** Warms up both sides: connections are open, code is compiled, the node has used the algorithm. */
async function warmUp(bench: Bench, agent: BenchAgent, algorithm: Algorithm): Promise<void> {
  await bench.floor.issue(agent.volumes(algorithm, 100), 100);
  const volumes = agent.volumes(algorithm, 8);
  await agent.publish(volumes, 8);
  await agent.unpublish(volumes, 8);
  if (algorithm === 'ECDSA') {
    const more = agent.volumes(algorithm, 100);
    await agent.publish(more, 100);
    await agent.unpublish(more, 100);
  }
  await settle(bench);
}

async function settle(bench: Bench): Promise<void> {
  await sleep(settleMs);
  await bench.cluster.clear();
  await sleep(settleMs);
}

async function fillStock(agent: BenchAgent): Promise<void> {
  const limit = AbortSignal.timeout(stockLimitMs);
  while ((await agent.metric('rsa_keys_ready')) < fullStock) await sleep(1_000, undefined, { signal: limit });
}
