/** The operator who requests renewals, and the reason; shown with the progress and kept in the audit log. */
export interface RenewalRequester {
  readonly by: string;
  readonly reason: string;
  /** Ignore renewal windows. Rate limits, in-flight limits and pauses still apply. */
  readonly ignoreWindows?: boolean;
}

/** The effect that a bulk renewal would have. */
export interface RenewalPreview {
  /** Volumes that would be renewed. */
  readonly count: number;
  /** Volumes that match but have no certificate yet. */
  readonly skipped: number;
  /** Count by issuer key, the largest first. */
  readonly byIssuer: readonly (readonly [issuer: string, count: number])[];
  readonly byNode: readonly (readonly [node: string, count: number])[];
}

/** Progress of a bulk renewal. `total` = `pending` + `renewed` + `gone` + `cancelled`. */
export interface BulkRenewal extends RenewalRequester {
  readonly id: string;
  /** Description of the selection. */
  readonly selection: string;
  readonly state: 'starting' | 'running' | 'cancelled' | 'finished';
  readonly createdAtMs: number;
  readonly total: number;
  readonly pending: number;
  readonly renewed: number;
  /** Volumes that were removed before their turn. */
  readonly gone: number;
  readonly cancelled: number;
  /** Failed attempts so far; a volume that failed stays pending and is retried. */
  readonly failures: number;
}
