/** Who asks for renewals, and why; shown with the progress and kept in the log. */
export interface RenewalRequester {
  readonly by: string;
  readonly reason: string;
  /** Do not wait for renewal windows. Rates, limits in flight and pauses hold all the same. */
  readonly ignoreWindows?: boolean;
}

/** What a renewal on demand would touch. */
export interface RenewalPreview {
  /** Volumes that would be renewed. */
  readonly count: number;
  /** Volumes that match but hold no certificate yet. */
  readonly skipped: number;
  /** Count by issuer key, the largest first. */
  readonly byIssuer: readonly (readonly [issuer: string, count: number])[];
  readonly byNode: readonly (readonly [node: string, count: number])[];
}

/** How far a renewal on demand has come. `total` = `pending` + `renewed` + `gone` + `cancelled`. */
export interface BulkRenewal extends RenewalRequester {
  readonly id: string;
  /** What was selected, in words. */
  readonly selection: string;
  readonly state: 'starting' | 'running' | 'cancelled' | 'finished';
  readonly createdAtMs: number;
  readonly total: number;
  readonly pending: number;
  readonly renewed: number;
  /** Volumes that left the fleet before their turn. */
  readonly gone: number;
  readonly cancelled: number;
  /** Failed tries so far; a volume that failed is tried again and stays pending. */
  readonly failures: number;
}
