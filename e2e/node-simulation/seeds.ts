import type { Selection } from './shrink.ts';

/** A schedule that once broke a rule. */
export interface RegressionSeed {
  readonly seed: number;
  /** What of the seed's scenario it takes. */
  readonly selection: Selection;
  /** What was wrong. */
  readonly was: string;
}

/** Every fault of the agent that the simulation found, in the smallest schedule that shows it. */
export const seeds: readonly RegressionSeed[] = [];
