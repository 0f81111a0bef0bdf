import { median } from './timings.ts';

/** One measurement. */
export interface Figure {
  readonly name: string;
  /** Empty for counts. */
  readonly unit: 'ms' | 's' | 'MB' | 'B' | '% of a core' | '1/s' | '';
  /** The agent's values (or the controller's, for a fleet), one per round. */
  readonly agent: readonly number[];
  /** The bare client's values around each of them; absent if there is no floor. */
  readonly floor?: readonly number[];
  /**
   * The goal: the maximum ratio to the floor, or a limit of the agent's own value; absent if the figure only explains
   * another.
   */
  readonly goal?: { readonly of: 'ratio' | 'agent'; readonly is: '≤' | '≥'; readonly value: number };
}

/** The median of several rounds and their range. */
export interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) };
}

/** The agent's time as a multiple of the floor's, per round: both ran on the same machine at nearly the same time. */
export function ratios({ agent, floor = [] }: Figure): readonly number[] {
  return agent.flatMap((value, index) => {
    const base = floor[index];
    return base === undefined ? [] : [value / base];
  });
}
