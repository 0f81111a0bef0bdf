import { isFinished } from './renewal-object.ts';
import type { RenewalObject } from './renewal-object.ts';
import { progressOfObject } from './renewal-progress.ts';

/** A renewal that continues only after a decision of an operator. */
export interface UndecidedRenewal {
  readonly name: string;
  /** The reason that its requester gave. */
  readonly reason: string;
  readonly state: 'stopped' | 'awaiting-approval';
  /** Volumes that are not renewed yet. */
  readonly pending: number;
  /** Failed attempts. */
  readonly failures: number;
  /** When it stopped, if the status shows it already. */
  readonly sinceMs: number | undefined;
}

/** The renewals that have stopped after failures, or wait for an approval after their canary, by name. */
export function undecidedRenewals(objects: readonly RenewalObject[]): readonly UndecidedRenewal[] {
  return objects
    .filter((object) => !isFinished(object) && object.metadata.deletionTimestamp === undefined)
    .flatMap((object) => undecided(object) ?? [])
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function undecided(object: RenewalObject): UndecidedRenewal | undefined {
  const { id: name, reason, state, pending, failures } = progressOfObject(object, undefined);
  if (state !== 'stopped' && state !== 'awaiting-approval') return undefined;
  const stalled = object.status?.conditions?.find(({ type, status }) => type === 'Stalled' && status === 'True');
  const sinceMs = state === 'stopped' && stalled !== undefined ? Date.parse(stalled.lastTransitionTime) : undefined;
  return { name, reason, state, pending, failures, sinceMs };
}
