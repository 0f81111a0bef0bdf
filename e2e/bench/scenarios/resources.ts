import { setTimeout as sleep } from 'node:timers/promises';
import { BenchAgent, benchNode } from '../bench-agent.ts';
import { BenchController } from '../bench-controller.ts';
import type { Scenario } from '../scenario.ts';

const volumeCount = 500;
/** Until the first RSA keys are generated and the garbage of the start or of a burst is collected. */
const restMs = 60_000;
const idleSeconds = 60;

/**
 * Memory of an idle agent and of one with 500 volumes, the CPU of these while nothing happens, and the time until an agent
 * serves again after a restart. As the chart installs it: with its link to the controller.
 */
export const resourcesScenario: Scenario = {
  name: 'resources',
  run: async (bench) => {
    const controller = await BenchController.start(bench.cluster.cluster, benchNode);
    let agent = await BenchAgent.start(bench.cluster, controller.agentFlags);
    try {
      await rest(agent, restMs / 1000);
      const idle = agent.memory;
      bench.log(`resources: idle ${JSON.stringify(idle)}`);
      await agent.publish(agent.volumes('ECDSA', volumeCount), 100);
      await rest(agent, restMs / 1000);
      const full = agent.memory;
      const cpuBefore = agent.cpuSeconds;
      await rest(agent, idleSeconds);
      const cpuPercent = ((agent.cpuSeconds - cpuBefore) / idleSeconds) * 100;
      const restartSeconds: number[] = [];
      for (let round = 0; round < bench.rounds; round += 1) {
        const startedAt = performance.now();
        agent = await agent.restarted(controller.agentFlags);
        restartSeconds.push((performance.now() - startedAt) / 1000);
        const restored = await agent.volumeCount();
        if (restored !== volumeCount) throw new Error(`expected ${volumeCount} restored volumes, found ${restored}`);
      }
      const atMost = (value: number) => ({ of: 'agent', is: '≤', value }) as const;
      return [
        { name: 'resident-idle', unit: 'MB', agent: [idle.residentMb], goal: atMost(70) },
        { name: 'anonymous-idle', unit: 'MB', agent: [idle.anonymousMb], goal: atMost(26) },
        { name: 'resident-500-volumes', unit: 'MB', agent: [full.residentMb], goal: atMost(85) },
        { name: 'anonymous-500-volumes', unit: 'MB', agent: [full.anonymousMb], goal: atMost(46) },
        { name: 'cpu-500-idle-volumes', unit: '% of a core', agent: [cpuPercent], goal: atMost(0.3) },
        { name: 'restart-500-volumes', unit: 's', agent: restartSeconds },
      ];
    } finally {
      await agent.stop();
      await controller.stop();
      await bench.cluster.clear();
    }
  },
};

/** Waits while the kubelet's probes run at the chart's intervals. */
async function rest(agent: BenchAgent, seconds: number): Promise<void> {
  const startedAt = performance.now();
  for (let second = 0; second < seconds; second += 5) {
    await agent.probe('/readyz');
    if (second % 10 === 0) await agent.probe('/healthz');
    await sleep(startedAt + (second + 5) * 1000 - performance.now());
  }
}
