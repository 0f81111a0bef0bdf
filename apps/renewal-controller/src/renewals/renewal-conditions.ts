import type { Condition } from '../intent/intent-object.ts';

/** A condition to be shown; without its times. */
export type WantedCondition = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/**
 * The conditions of a status. A condition keeps the time of its last change of status. `Reconciling` and `Stalled` exist
 * only while they are true, as kstatus (Flux, Argo CD) expects.
 */
export function updatedConditions(
  before: readonly Condition[],
  wanted: readonly WantedCondition[],
  { generation, now }: { readonly generation: number; readonly now: string },
): Condition[] {
  return wanted.map((condition) => {
    const known = before.find(({ type }) => type === condition.type);
    const lastTransitionTime = known?.status === condition.status ? known.lastTransitionTime : now;
    return { ...condition, observedGeneration: generation, lastTransitionTime };
  });
}

const isTrue = (type: string, reason: string, message: string): WantedCondition => ({
  ...{ type, reason, message },
  status: 'True',
});
const isFalse = (type: string, reason: string, message = ''): WantedCondition => ({
  ...{ type, reason, message },
  status: 'False',
});

/** The conditions of each phase of a renewal. */
export const phaseConditions = {
  awaiting: (message: string): WantedCondition[] => [
    { type: 'Accepted', status: 'Unknown', reason: 'AwaitingReports', message },
    isFalse('Complete', 'AwaitingReports'),
    isFalse('Failed', 'AwaitingReports'),
    isFalse('Suspended', 'NotSuspended'),
    isTrue('Reconciling', 'AwaitingReports', message),
  ],
  rejected: (reason: string, message: string): WantedCondition[] => [
    isFalse('Accepted', reason, message),
    isFalse('Complete', reason),
    isTrue('Failed', reason, message),
    isFalse('Suspended', 'NotSuspended'),
    isTrue('Stalled', reason, message),
  ],
  running: (accepted: string, message: string): WantedCondition[] => [
    isTrue('Accepted', 'Selected', accepted),
    isFalse('Complete', 'Renewing'),
    isFalse('Failed', 'Renewing'),
    isFalse('Suspended', 'NotSuspended'),
    isTrue('Reconciling', 'Renewing', message),
  ],
  awaitingApproval: (accepted: string, message: string): WantedCondition[] => [
    isTrue('Accepted', 'Selected', accepted),
    isFalse('Complete', 'AwaitingApproval'),
    isFalse('Failed', 'AwaitingApproval'),
    isFalse('Suspended', 'NotSuspended'),
    isTrue('Reconciling', 'AwaitingApproval', message),
  ],
  stopped: (accepted: string, message: string): WantedCondition[] => [
    isTrue('Accepted', 'Selected', accepted),
    isFalse('Complete', 'TooManyFailures'),
    isFalse('Failed', 'TooManyFailures'),
    isFalse('Suspended', 'NotSuspended'),
    isTrue('Stalled', 'TooManyFailures', message),
  ],
  suspended: (accepted: string | undefined, message: string): WantedCondition[] => [
    accepted === undefined
      ? { type: 'Accepted', status: 'Unknown', reason: 'Suspended', message: 'the selection is made after the resume' }
      : isTrue('Accepted', 'Selected', accepted),
    isFalse('Complete', 'Suspended'),
    isFalse('Failed', 'Suspended'),
    isTrue('Suspended', 'Suspended', message),
  ],
  complete: (accepted: string, reason: string, message: string): WantedCondition[] => [
    isTrue('Accepted', 'Selected', accepted),
    isTrue('Complete', reason, message),
    isFalse('Failed', reason),
    isFalse('Suspended', 'NotSuspended'),
  ],
} as const;
