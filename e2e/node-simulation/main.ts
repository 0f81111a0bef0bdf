// The deterministic simulation of one node; README.md describes it and its output. `--seed N` first seed, `--minutes N`
// time limit, `--count N` maximum of scenarios, `--regressions` runs schedules/ first, `--systematic all` runs the
// systematic scenarios before those of the seeds, `--systematic sample` one of each kind, `--systematic N` only the one
// with that index, `--schedule NAME` only
// schedules/NAME.json, `--write NAME` writes the selected scenario to schedules/NAME.json, `--shrink-seconds N` limits
// the search for a smaller schedule, `--survey` continues after violations and lists them, `--verbose` prints every
// step, `--faults 1,2 --volumes csi-0` keeps only these parts of each seed's scenario.
import { parseArgs } from 'node:util';
import { runScenario } from './run-scenario.ts';
import type { Scenario } from './scenario.ts';
import { readSchedule, writeSchedule } from './schedules.ts';
import { everything, select } from './shrink.ts';
import { replaySchedules, scenariosOf, simulate } from './simulate.ts';
import { systematicScenarios } from './systematic.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '60' },
    count: { type: 'string' },
    systematic: { type: 'string' },
    schedule: { type: 'string' },
    write: { type: 'string' },
    faults: { type: 'string' },
    volumes: { type: 'string' },
    'shrink-seconds': { type: 'string', default: '60' },
    regressions: { type: 'boolean', default: false },
    survey: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});

const log = (line: string): void => console.log(line);
const seed = Number(values.seed);
const forMs = Number(values.minutes) * 60_000;
const count = values.count === undefined ? undefined : Number(values.count);
const extent = (['sample', 'all'] as const).find((each) => each === values.systematic);
const onlyIndex = values.systematic === undefined || extent !== undefined ? undefined : Number(values.systematic);
const isChosen = [values.schedule, values.write, values.faults, onlyIndex].some((value) => value !== undefined);
if (values.survey || values.verbose || isChosen) process.exitCode = await survey();
else process.exitCode = await search();

/** Runs until the first violation. */
async function search(): Promise<number> {
  const broken = values.regressions ? await replaySchedules(log) : 0;
  if (broken > 0) return 1;
  const totals = await simulate({
    seed,
    ...(extent && { systematic: extent }),
    forMs,
    shrinkForMs: Number(values['shrink-seconds']) * 1000,
    log,
    ...(count === undefined ? {} : { count }),
  });
  return totals.violations > 0 ? 1 : 0;
}

/** Runs all scenarios and prints one line per violation. */
async function survey(): Promise<number> {
  const startedMs = performance.now();
  let violations = 0;
  for await (const each of scenarios()) {
    if (performance.now() - startedMs >= forMs) break;
    const scenario = chosen(each);
    if (values.write !== undefined) writeSchedule(values.write, scenario);
    const { violation, steps, faults } = await runScenario(scenario, values.verbose ? { trace: log } : {});
    if (violation === undefined) continue;
    violations += 1;
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    log(
      `${seconds} s: seed ${scenario.seed} (${scenario.name}, ${steps} steps, ${faults} faults) breaks rule ` +
        `${violation.invariant} at ${(violation.atMs / 1000).toFixed(3)} s: ${violation.message}`,
    );
  }
  return violations > 0 ? 1 : 0;
}

async function* scenarios(): AsyncGenerator<Scenario> {
  if (values.schedule !== undefined) {
    yield readSchedule(values.schedule).scenario;
    return;
  }
  if (onlyIndex === undefined) {
    yield* scenariosOf({ seed, ...(extent && { systematic: extent }), ...(count !== undefined && { count }) });
    return;
  }
  let index = 0;
  for await (const scenario of systematicScenarios(seed)) {
    if (index++ < onlyIndex) continue;
    yield scenario;
    return;
  }
}

function chosen(scenario: Scenario): Scenario {
  const all = everything(scenario);
  const list = (text: string): readonly string[] => (text === 'none' ? [] : text.split(','));
  return select(scenario, {
    faults: values.faults === undefined ? all.faults : list(values.faults).map(Number),
    volumes: values.volumes === undefined ? all.volumes : list(values.volumes),
  });
}
