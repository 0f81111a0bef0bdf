import type { FaultKind } from './faults.ts';
import type { Violation } from './ledger.ts';

export interface ChaosOptions {
  readonly minutes: number;
  /** The same seed plans the same faults; random by default. */
  readonly seed?: number;
  readonly agents?: number;
  /** 4 by default. */
  readonly volumesPerNode?: number;
  readonly replicas?: number;
  /** By default (0) one for each three seconds; as many as there are kinds are one of each. */
  readonly faultsPerRound?: number;
  /** The first round, to repeat a failed one without those before it. */
  readonly round?: number;
  /** The file for all log lines of replicas and agents; none by default. */
  readonly logFile?: string;
  /** Called with lines of progress. */
  readonly say?: (line: string) => void;
}

export interface ChaosSummary {
  readonly seed: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly faults: number;
  /** Those that were carried out. */
  readonly faultsByKind: Readonly<Record<FaultKind, number>>;
  readonly volumes: number;
  readonly issuances: { readonly byJob: number; readonly byDeadline: number };
  readonly failedIssuances: number;
  readonly redisLosses: number;
  /** The longest time from the end of a round's last fault until every view was correct. */
  readonly maxConvergenceMs: number;
  readonly violations: readonly Violation[];
  /** On violations: the schedule, how to repeat it, and the log lines around them. */
  readonly report: string;
}
