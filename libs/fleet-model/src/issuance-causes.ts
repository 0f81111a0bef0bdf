// Why a certificate was issued: one definition from which every other vocabulary of causes is derived. Values only,
// without dependencies, because the page bundles them.

/** What starts an attempt: a mount, the controller, or the fallback deadline of the agent. */
export const issuancePaths = ['mount', 'controller', 'deadline'] as const;
export type IssuancePath = (typeof issuancePaths)[number];

interface CauseRow {
  readonly path: IssuancePath;
  /** Its letter in the stored history; it must never change. */
  readonly letter: string;
}

/**
 * `job`, `requested` and `retry` are renewals of the controller. The unknown cause is shown as a mount: a certificate
 * that was taken over or comes from an earlier process of the agent began with one.
 */
const causes = {
  mount: { path: 'mount', letter: 'm' },
  job: { path: 'controller', letter: 'j' },
  requested: { path: 'controller', letter: 'p' },
  retry: { path: 'controller', letter: 'r' },
  deadline: { path: 'deadline', letter: 'd' },
  unknown: { path: 'mount', letter: 'u' },
} as const satisfies Readonly<Record<string, CauseRow>>;

/** Why a certificate was issued, for the history and the HTTP API. */
export type IssuanceCause = keyof typeof causes;

export const issuanceCauses = Object.keys(causes) as readonly IssuanceCause[];

export function issuancePath(cause: IssuanceCause): IssuancePath {
  return causes[cause].path;
}

/** One letter per cause, because ten attempts of every volume are stored. */
export function causeLetter(cause: IssuanceCause): string {
  return causes[cause].letter;
}

const byLetter = new Map<string, IssuanceCause>(issuanceCauses.map((cause) => [causes[cause].letter, cause]));

/** The cause with a letter; unknown if there is none. */
export function causeOfLetter(letter: string): IssuanceCause {
  return byLetter.get(letter) ?? 'unknown';
}

/** Why the controller dispatches a renewal, and the cause of the resulting issuance. */
export const dispatchCauses = {
  due: 'job',
  requested: 'requested',
  retry: 'retry',
} as const satisfies Readonly<Record<string, IssuanceCause>>;

/** Why a renewal is dispatched: it is due, an operator requested it, or the last attempt failed. */
export type DispatchCause = keyof typeof dispatchCauses;

/**
 * Why the agent starts an attempt, and the cause that it reports. A retry and a change of the pod's addresses count as
 * deadline: the agent starts all three.
 */
export const attemptCauses = {
  mount: 'mount',
  job: 'job',
  deadline: 'deadline',
  retry: 'deadline',
  address: 'deadline',
} as const satisfies Readonly<Record<string, IssuanceCause>>;

export type AttemptCause = keyof typeof attemptCauses;
