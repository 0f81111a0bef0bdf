import { applyFault } from './apply-fault.ts';
import { KeyRing } from './key-ring.ts';
import type { Violation } from './rules.ts';
import type { Scenario } from './scenario.ts';
import { World } from './world.ts';
import type { Trace } from './world.ts';

export interface ScenarioResult {
  readonly scenario: Scenario;
  readonly violation: Violation | undefined;
  readonly volumeHours: number;
  readonly faults: number;
  readonly certificates: number;
  readonly steps: number;
}

export interface RunOptions {
  readonly trace?: Trace;
  /** After this many steps it counts as passed. */
  readonly maxSteps?: number;
  /** Asked now and then: once it is true, the scenario ends and counts as passed so far. */
  readonly isOver?: () => boolean;
}

let keys: KeyRing | undefined;

/** Runs one scenario to its end or its first violation. */
export async function runScenario(scenario: Scenario, options: RunOptions = {}): Promise<ScenarioResult> {
  const world = new World(scenario, (keys ??= new KeyRing()), options.trace ?? (() => undefined));
  await world.run(applyFault, { maxSteps: options.maxSteps, isOver: options.isOver });
  return {
    scenario,
    violation: world.rules.violation,
    volumeHours: world.rules.volumeMs / 3_600_000,
    faults: world.faultsInjected,
    certificates: world.rules.signed,
    steps: world.steps,
  };
}
