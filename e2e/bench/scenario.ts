import type { BenchCluster } from './bench-cluster.ts';
import type { Figure } from './figure.ts';
import type { Floor } from './floor.ts';

export interface Bench {
  readonly cluster: BenchCluster;
  readonly floor: Floor;
  readonly rounds: number;
  /** Prints progress. */
  readonly log: (line: string) => void;
}

/** A scenario that can run separately. */
export interface Scenario {
  readonly name: string;
  run(bench: Bench): Promise<readonly Figure[]>;
}

/** A scenario without a cluster: a controller, a Redis and simulated agents. */
export interface FleetScenario {
  readonly name: string;
  run(log: Bench['log']): Promise<readonly Figure[]>;
}

/** Long enough for the after-effects of a burst (events, garbage collection) to end. */
export const settleMs = 3_000;
