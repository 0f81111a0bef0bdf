import type { BenchCluster } from './bench-cluster.ts';
import type { Figure } from './figure.ts';
import type { Floor } from './floor.ts';

/** What scenarios measure with. */
export interface Bench {
  readonly cluster: BenchCluster;
  readonly floor: Floor;
  readonly rounds: number;
  /** Tells of progress. */
  readonly log: (line: string) => void;
}

/** One thing that can be measured by itself. */
export interface Scenario {
  readonly name: string;
  run(bench: Bench): Promise<readonly Figure[]>;
}

/** One thing that needs no cluster: a controller, a Redis and simulated agents. */
export interface FleetScenario {
  readonly name: string;
  run(log: Bench['log']): Promise<readonly Figure[]>;
}

/** Long enough for what follows a burst (events, garbage collection) to end before the next measurement. */
export const settleMs = 3_000;
