// The figures of docs/benchmarks.md: `npm run bench -- [--only NAME]... [--rounds N] [--json PATH]`. It needs root.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { BenchCluster } from './bench-cluster.ts';
import type { Figure } from './figure.ts';
import { Floor } from './floor.ts';
import { json, table } from './report.ts';
import type { Scenario } from './scenario.ts';
import { mountScenario, unpublishScenario } from './scenarios/mounts.ts';
import { resourcesScenario } from './scenarios/resources.ts';

const scenarios: readonly Scenario[] = [
  mountScenario({ name: 'one-by-one-ecdsa', algorithm: 'ECDSA', count: 60, concurrency: 1, goal: 1.3 }),
  mountScenario({ name: '100-at-once-ecdsa', algorithm: 'ECDSA', count: 100, concurrency: 100, goal: 1.15 }),
  mountScenario({ name: '500-by-100-ecdsa', algorithm: 'ECDSA', count: 500, concurrency: 100, goal: 1.1 }),
  unpublishScenario,
  resourcesScenario,
  mountScenario({ name: 'one-by-one-rsa', algorithm: 'RSA', count: 60, concurrency: 1, goal: 1.5 }),
  mountScenario({ name: '100-at-once-rsa', algorithm: 'RSA', count: 100, concurrency: 100, goal: 1.3 }),
];

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '5' },
    json: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const chosen = scenarios.filter(({ name }) => values.only?.includes(name) ?? true);
if (!Number.isInteger(rounds) || rounds < 1 || chosen.length < (values.only?.length ?? 1)) {
  console.error(
    `expected --rounds of at least 1 and --only with one of: ${scenarios.map(({ name }) => name).join(', ')}`,
  );
  process.exit(64);
}

const log = (line: string): void => console.error(line);
const cluster = await BenchCluster.start();
const figures: Figure[] = [];
try {
  const floor = await Floor.start(cluster);
  const bench = { cluster, floor, rounds, log };
  for (const scenario of chosen) figures.push(...(await scenario.run(bench)));
  floor.stop();
} finally {
  await cluster.stop();
}
console.log(table(figures));
if (values.json !== undefined) writeFileSync(values.json, json(figures));
