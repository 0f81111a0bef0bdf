import type { FaultKind } from './faults.ts';
import type { Violation } from './ledger.ts';

/** What a run is told. */
export interface ChaosOptions {
  readonly minutes: number;
  /** The same seed plans the same faults; one of the run's own unless given. */
  readonly seed?: number;
  readonly agents?: number;
  readonly replicas?: number;
  /** The first round, to repeat one that went wrong without those before it. */
  readonly round?: number;
  /** Where everything that replicas and agents logged is written at the end; nowhere unless given. */
  readonly logFile?: string;
  /** Called with lines of progress. */
  readonly say?: (line: string) => void;
}

/** What a run came to. */
export interface ChaosSummary {
  readonly seed: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly faults: number;
  readonly faultsByKind: Readonly<Partial<Record<FaultKind, number>>>;
  readonly volumes: number;
  readonly issuances: { readonly byJob: number; readonly byDeadline: number };
  readonly failedIssuances: number;
  readonly redisLosses: number;
  /** The longest time from the end of a round's last fault until every view was true. */
  readonly maxConvergenceMs: number;
  readonly violations: readonly Violation[];
  /** With violations: the schedule, how to repeat it, and what was logged around them. */
  readonly report: string;
}
