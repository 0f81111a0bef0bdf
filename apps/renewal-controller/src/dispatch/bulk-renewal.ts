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

/** What was requested, as the record of a bulk renewal contains it. */
export interface BulkRenewalRequest extends RenewalRequester {
  /** Name of its Renewal object; absent in records of earlier releases. */
  readonly name?: string;
  /** Description of the selection. */
  readonly selection: string;
  readonly createdAtMs: number;
}

/** A bulk renewal to begin or, after Redis lost it, to begin again: the counts are those that are known to be done. */
export interface BulkRenewalStart
  extends BulkRenewalRequest, Pick<BulkRenewal, 'id' | 'total' | 'renewed' | 'failures'> {
  /** Cancels itself at this number of failed attempts. */
  readonly stopsAt?: number;
}

/** Progress of a bulk renewal. `total` = `pending` + `renewed` + `gone` + `cancelled`. */
export interface BulkRenewal extends BulkRenewalRequest {
  readonly id: string;
  readonly state: 'starting' | 'running' | 'cancelled' | 'finished';
  readonly total: number;
  readonly pending: number;
  readonly renewed: number;
  /** Volumes that were removed before their turn. */
  readonly gone: number;
  readonly cancelled: number;
  /** Failed attempts so far; a volume that failed stays pending and is retried. */
  readonly failures: number;
  /** Cancelled, but a replica was killed before it had recalled the renewals from the queues of nodes. */
  readonly mustRecall?: true;
}
