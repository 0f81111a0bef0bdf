import { isFinished, isProposed, phaseOf } from './rotation-object.ts';
import type { RotationObject } from './rotation-object.ts';

/** An unfinished rotation as the metrics show it. */
export interface RotationRow {
  readonly name: string;
  readonly phase: string;
  readonly phaseStartedMs: number;
  readonly blocked: number;
  /** Whether it is a proposal that nobody has decided about. */
  readonly isProposed: boolean;
  /** Why it does not continue without an action; undefined if it does, or waits for a decision of an operator. */
  readonly stopped: string | undefined;
}

/** Reasons that are a part of the progress, or a decision of an operator. */
const expected: ReadonlySet<string> = new Set([
  'AwaitingReports',
  'Suspended',
  'AwaitingApproval',
  'Overlapping',
  // By themselves, at the time that the status names.
  'AwaitingDelivery',
  'PodCertificatesNotRefreshed',
  'PodCertificatesUnknown',
]);
const maxRows = 50;

export function rotationRows(objects: readonly RotationObject[]): readonly RotationRow[] {
  const running = objects.filter((object) => !isFinished(object)).slice(0, maxRows);
  return running.map((object) => {
    const { metadata, status = {} } = object;
    const { waitingFor, counts, phaseStartTime = metadata.creationTimestamp } = status;
    return {
      name: metadata.name,
      phase: phaseOf(object),
      phaseStartedMs: Date.parse(phaseStartTime),
      blocked: counts?.blocked ?? 0,
      isProposed: isProposed(object),
      stopped: waitingFor === undefined || expected.has(waitingFor) ? undefined : waitingFor,
    };
  });
}
