import { runScenario } from './run-scenario.ts';
import type { ScenarioResult } from './run-scenario.ts';
import type { Scenario } from './scenario.ts';

/** The selected parts of a seed's scenario: faults by their index, volumes by their id. */
export interface Selection {
  readonly faults: readonly number[];
  readonly volumes: readonly string[];
}

/** The complete selection of a scenario. */
export function everything({ faults, volumes }: Scenario): Selection {
  return { faults: [...faults.keys()], volumes: volumes.map(({ volumeId }) => volumeId) };
}

/** The scenario with only these parts. */
export function select(scenario: Scenario, { faults, volumes }: Selection): Scenario {
  return {
    ...scenario,
    faults: scenario.faults.filter((_, index) => faults.includes(index)),
    volumes: scenario.volumes.filter(({ volumeId }) => volumes.includes(volumeId)),
  };
}

/** The smallest scenario found in the given time that breaks the same rule. */
export async function shrink(failed: ScenarioResult, forMs: number): Promise<Selection> {
  const { scenario, violation, steps } = failed;
  const untilMs = performance.now() + forMs;
  // A much longer run breaks another rule, or none.
  const maxSteps = 2 * steps + 1_000;
  const breaks = async (selection: Selection): Promise<boolean> => {
    if (selection.volumes.length === 0) return false;
    const result = await runScenario(select(scenario, selection), { maxSteps });
    return result.violation !== undefined && result.violation.invariant === violation?.invariant;
  };
  let kept = everything(scenario);
  kept = {
    ...kept,
    faults: kept.faults.filter((index) => (scenario.faults[index]?.atMs ?? 0) <= (violation?.atMs ?? 0)),
  };
  if (!(await breaks(kept))) kept = everything(scenario);
  for (let before = -1; before !== sizeOf(kept) && performance.now() < untilMs;) {
    before = sizeOf(kept);
    kept = await without(kept, 'volumes', { breaks, untilMs });
    kept = await without(kept, 'faults', { breaks, untilMs });
  }
  return kept;
}

/** Drops chunks of a list, then smaller ones, as long as the rule still breaks. */
async function without(
  kept: Selection,
  part: keyof Selection,
  { breaks, untilMs }: { breaks: (selection: Selection) => Promise<boolean>; untilMs: number },
): Promise<Selection> {
  let current = kept;
  for (let size = Math.ceil(current[part].length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let start = 0; start < current[part].length && performance.now() < untilMs;) {
      const list = current[part] as readonly unknown[];
      const rest = { ...current, [part]: [...list.slice(0, start), ...list.slice(start + size)] };
      if (await breaks(rest)) current = rest;
      else start += size;
    }
  }
  return current;
}

function sizeOf({ faults, volumes }: Selection): number {
  return faults.length + volumes.length;
}
