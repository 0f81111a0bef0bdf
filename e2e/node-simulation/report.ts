import { runScenario } from './run-scenario.ts';
import type { ScenarioResult } from './run-scenario.ts';
import type { Scenario } from './scenario.ts';
import { everything, select, shrink } from './shrink.ts';
import type { Selection } from './shrink.ts';

const shownLines = 40;
const maxLine = 400;

/** Explains a violation: the rule, the smallest schedule found, and the last steps. */
export async function explain(failed: ScenarioResult, shrinkForMs: number): Promise<string> {
  const { scenario } = failed;
  const selection = shrinkForMs > 0 ? await shrink(failed, shrinkForMs) : everything(scenario);
  const smallest = select(scenario, selection);
  const lines: string[] = [];
  const { violation = failed.violation } = await runScenario(smallest, { trace: (line) => keepLast(lines, line) });
  return [
    `seed ${scenario.seed} (${scenario.name}) breaks rule ${violation?.invariant} ` +
      `at ${((violation?.atMs ?? 0) / 1000).toFixed(3)} s: ${violation?.message}`,
    `schedule (${smallest.faults.length} of ${scenario.faults.length} faults, ` +
      `${smallest.volumes.length} of ${scenario.volumes.length} volumes):`,
    ...smallest.volumes.map((volume) => `  volume ${JSON.stringify(volume)}`),
    ...smallest.issuers.map((issuer) => `  issuer ${JSON.stringify(issuer)}`),
    ...smallest.faults.map((fault) => `  fault ${JSON.stringify(fault)}`),
    `options: ${JSON.stringify(optionsOf(scenario))}`,
    'last steps:',
    ...lines.map((line) => `  ${line}`),
    `again: ${replayCommand(scenario, selection)}`,
  ].join('\n');
}

/** The command that repeats a selection of a seed's scenario. */
function replayCommand({ seed, replay }: Scenario, { faults, volumes }: Selection): string {
  if (replay !== undefined) return `node_modules/.bin/node e2e/node-simulation/main.ts --verbose ${replay}`;
  const only = `--faults ${faults.join(',') || 'none'} --volumes ${volumes.join(',')}`;
  return `node_modules/.bin/node e2e/node-simulation/main.ts --seed ${seed} --count 1 --verbose ${only}`;
}

function optionsOf({ hasController, useTokenRequest, continueOnNotReady, tmpfsBytes }: Scenario): object {
  return { hasController, useTokenRequest, continueOnNotReady, tmpfsBytes };
}

function keepLast(lines: string[], line: string): void {
  lines.push(line.slice(0, maxLine));
  if (lines.length > shownLines) lines.shift();
}
