import { median } from './timings.ts';

/** One measured thing. */
export interface Figure {
  readonly name: string;
  /** Empty for what is counted. */
  readonly unit: 'ms' | 's' | 'MB' | 'B' | '% of a core' | '1/s' | '';
  /** What the agent took (or the controller, of a fleet's figures), round by round. */
  readonly agent: readonly number[];
  /** What the bare client took around each of them; absent where there is nothing to compare with. */
  readonly floor?: readonly number[];
  /** What is to be reached: the ratio to the floor at most, or the agent's own figure at most or at least; absent where a
   * figure only explains another. */
  readonly goal?: { readonly of: 'ratio' | 'agent'; readonly is: '≤' | '≥'; readonly value: number };
}

/** The middle of several rounds, and how far apart they were. */
export interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) };
}

/** The agent's time as a multiple of the floor's, round by round: both saw the same machine at nearly the same moment. */
export function ratios({ agent, floor = [] }: Figure): readonly number[] {
  return agent.flatMap((value, index) => {
    const base = floor[index];
    return base === undefined ? [] : [value / base];
  });
}
