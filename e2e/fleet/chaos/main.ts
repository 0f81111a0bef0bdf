// node_modules/.bin/node e2e/fleet/chaos/main.ts --minutes 10 [--seed 1] [--agents 200] [--volumes-per-node 4] [--replicas 2]
// [--faults-per-round 21] [--round 0] [--log-file chaos.log]
import { parseArgs } from 'node:util';
import { runChaos, whyNoChaos } from './run-chaos.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    agents: { type: 'string', default: '200' },
    'volumes-per-node': { type: 'string', default: '4' },
    replicas: { type: 'string', default: '2' },
    'faults-per-round': { type: 'string', default: '0' },
    round: { type: 'string', default: '0' },
    'log-file': { type: 'string' },
  },
});

const reason = whyNoChaos();
if (reason !== undefined) {
  console.error(`cannot run chaos here: ${reason}`);
  process.exit(2);
}
// An interrupt ends the namespaces, and with them every process of the run.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const { report, violations, ...counts } = await runChaos({
  minutes: Number(values.minutes),
  ...(values.seed !== undefined && { seed: Number(values.seed) }),
  agents: Number(values.agents),
  volumesPerNode: Number(values['volumes-per-node']),
  replicas: Number(values.replicas),
  faultsPerRound: Number(values['faults-per-round']),
  round: Number(values.round),
  ...(values['log-file'] !== undefined && { logFile: values['log-file'] }),
  say: (line) => console.log(`${new Date().toISOString()} ${line}`),
});
if (report !== '') console.log(report);
console.log(JSON.stringify({ ...counts, violations: violations.length }, undefined, 2));
process.exitCode = violations.length === 0 ? 0 : 1;
