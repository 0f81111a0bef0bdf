import { generateScenario } from './generate-scenario.ts';
import { explain } from './report.ts';
import { runScenario } from './run-scenario.ts';
import type { ScenarioResult } from './run-scenario.ts';
import type { Scenario } from './scenario.ts';
import { readSchedules } from './schedules.ts';
import { systematicScenarios } from './systematic.ts';
import type { SystematicExtent } from './systematic.ts';

/** The extent of a simulation. */
export interface SimulationBudget {
  /** The first seed; each scenario uses the next one. */
  readonly seed: number;
  /** The systematic scenarios that come first, within the same limit; none by default. */
  readonly systematic?: SystematicExtent;
  /** CPU time, so that a busy machine simulates as much as an idle one; wall time is limited to four times as much. */
  readonly forMs: number;
  /** Maximum of scenarios. */
  readonly count?: number;
  /** Time limit of the search for a smaller schedule after a violation. */
  readonly shrinkForMs: number;
  readonly log: (line: string) => void;
}

/** Sums over all scenarios. */
export interface SimulationTotals {
  scenarios: number;
  volumeHours: number;
  faults: number;
  certificates: number;
  steps: number;
  violations: number;
}

const progressEveryMs = 60_000;

/** Runs scenarios until the limit or a violation, which is explained in the log. */
export async function simulate(budget: SimulationBudget): Promise<SimulationTotals> {
  const totals = noTotals();
  const startedMs = performance.now();
  const startedCpuMs = cpuMs();
  let reportedMs = startedMs;
  const isOver = (): boolean =>
    cpuMs() - startedCpuMs >= budget.forMs || performance.now() - startedMs >= 4 * budget.forMs;
  for await (const scenario of scenariosOf(budget)) {
    if (isOver()) break;
    const result = await runScenario(scenario, { isOver });
    add(totals, result);
    if (performance.now() - reportedMs > progressEveryMs) {
      reportedMs = performance.now();
      budget.log(`${describe(totals)} in ${Math.round((reportedMs - startedMs) / 1000)} s`);
    }
    if (result.violation === undefined) continue;
    budget.log(await explain(result, budget.shrinkForMs));
    break;
  }
  budget.log(`${describe(totals)} in ${Math.round((performance.now() - startedMs) / 1000)} s`);
  return totals;
}

/** All scenarios in order: the systematic ones, if requested, then those of the seeds from the given one on. */
export async function* scenariosOf({
  seed,
  systematic,
  count = Infinity,
}: Pick<SimulationBudget, 'seed' | 'systematic' | 'count'>): AsyncGenerator<Scenario> {
  if (systematic !== undefined) yield* systematicScenarios(seed, systematic);
  for (let index = 0; index < count; index++) yield generateScenario(seed + index);
}

/** Runs all recorded schedules. Returns how many break a rule again. */
export async function replaySchedules(log: (line: string) => void): Promise<number> {
  let broken = 0;
  for (const { scenario, was } of readSchedules()) {
    const result = await runScenario(scenario);
    if (result.violation === undefined) continue;
    broken += 1;
    log(`once: ${was}\n${await explain(result, 0)}`);
  }
  return broken;
}

/** The totals in one line. */
function describe(totals: SimulationTotals): string {
  const { scenarios, volumeHours, faults, certificates, steps, violations } = totals;
  return (
    `${scenarios} scenarios, ${Math.round(volumeHours)} volume-hours, ${faults} faults, ` +
    `${certificates} certificates, ${steps} steps, ${violations} violations`
  );
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function noTotals(): SimulationTotals {
  return { scenarios: 0, volumeHours: 0, faults: 0, certificates: 0, steps: 0, violations: 0 };
}

function add(totals: SimulationTotals, result: ScenarioResult): void {
  totals.scenarios += 1;
  totals.volumeHours += result.volumeHours;
  totals.faults += result.faults;
  totals.certificates += result.certificates;
  totals.steps += result.steps;
  totals.violations += result.violation === undefined ? 0 : 1;
}
