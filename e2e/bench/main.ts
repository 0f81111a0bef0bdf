// Produces the figures of docs/benchmarks.md: `npm run bench -- [--only NAME]... [--rounds N] [--json PATH]`. It needs
// root.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { BenchCluster } from './bench-cluster.ts';
import type { Figure } from './figure.ts';
import { Floor } from './floor.ts';
import { json, table } from './report.ts';
import type { FleetScenario, Scenario } from './scenario.ts';
import { controllerMemoryScenario, dispatchScenario, redisLostScenario } from './scenarios/fleet.ts';
import { operatorApiScenario } from './scenarios/operator-api.ts';
import { mountScenario, unpublishScenario } from './scenarios/mounts.ts';
import { podCertificateScenario } from './scenarios/pod-certificates.ts';
import { pageScenario } from './scenarios/page.ts';
import { resourcesScenario } from './scenarios/resources.ts';
import { simulationScenario } from './scenarios/simulation.ts';

const scenarios: readonly Scenario[] = [
  mountScenario({ name: 'one-by-one-ecdsa', algorithm: 'ECDSA', count: 60, concurrency: 1, goal: 1.3 }),
  mountScenario({ name: '100-at-once-ecdsa', algorithm: 'ECDSA', count: 100, concurrency: 100, goal: 1.15 }),
  mountScenario({ name: '500-by-100-ecdsa', algorithm: 'ECDSA', count: 500, concurrency: 100, goal: 1.1 }),
  unpublishScenario,
  resourcesScenario,
  mountScenario({ name: 'one-by-one-rsa', algorithm: 'RSA', count: 60, concurrency: 1, goal: 1.5 }),
  mountScenario({ name: '100-at-once-rsa', algorithm: 'RSA', count: 100, concurrency: 100, goal: 1.3 }),
];

/** Of the controller and the pod certificate signer; they run once, independent of --rounds. */
const fleetScenarios: readonly FleetScenario[] = [
  dispatchScenario,
  redisLostScenario,
  controllerMemoryScenario,
  simulationScenario,
  operatorApiScenario,
  podCertificateScenario,
  pageScenario,
];

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '5' },
    json: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const isChosen = ({ name }: { readonly name: string }): boolean => values.only?.includes(name) ?? true;
const [chosen, chosenOfFleet] = [scenarios.filter(isChosen), fleetScenarios.filter(isChosen)];
if (!Number.isInteger(rounds) || rounds < 1 || chosen.length + chosenOfFleet.length < (values.only?.length ?? 1)) {
  const names = [...scenarios, ...fleetScenarios].map(({ name }) => name);
  console.error(`expected --rounds of at least 1 and --only with one of: ${names.join(', ')}`);
  process.exit(64);
}

const log = (line: string): void => console.error(line);
const figures: Figure[] = [];
for (const scenario of chosenOfFleet) figures.push(...(await scenario.run(log)));
if (chosen.length > 0) figures.push(...(await withCluster()));
console.log(table(figures));
if (values.json !== undefined) writeFileSync(values.json, json(figures));

async function withCluster(): Promise<readonly Figure[]> {
  const cluster = await BenchCluster.start();
  const found: Figure[] = [];
  try {
    const floor = await Floor.start(cluster);
    const bench = { cluster, floor, rounds, log };
    for (const scenario of chosen) found.push(...(await scenario.run(bench)));
    floor.stop();
  } finally {
    await cluster.stop();
  }
  return found;
}
