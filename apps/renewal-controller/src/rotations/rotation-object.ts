import type { CaRotationStatus } from '../intent/kinds/ca-rotation-kind.ts';
import type { ObjectOf } from '../intent/intent-kinds.ts';
import { shortHash } from '../redis/redis-keys.ts';

export type RotationObject = ObjectOf<'CARotation'>;
export type Phase = NonNullable<CaRotationStatus['phase']>;
export type Direction = NonNullable<CaRotationStatus['direction']>;
export type Trust = NonNullable<CaRotationStatus['trust']>;
export type Round = NonNullable<CaRotationStatus['rounds']>[number];
export type TestedIssuer = NonNullable<CaRotationStatus['issuers']>[number];

/** Delays the removal of a deleted rotation until its roots can leave the CA files. */
export const rotationFinalizer = 'certfleet.io/trust';

/** The label of the Renewals of a rotation; its value is the rotation's UID. */
export const rotationLabel = 'certfleet.io/rotation';

/** The label of the rotations that the controller has created. */
export const proposalLabel = 'certfleet.io/proposed';

const finished: ReadonlySet<string> = new Set<Phase>(['Completed', 'RolledBack', 'Failed']);

export function phaseOf({ status }: Pick<RotationObject, 'status'>): Phase {
  return status?.phase ?? 'Pending';
}

export function isFinished(object: Pick<RotationObject, 'status'>): boolean {
  return finished.has(phaseOf(object));
}

/** Whether agents add roots for a rotation, or may still have them. */
export function isActive(object: Pick<RotationObject, 'status'>): boolean {
  return phaseOf(object) !== 'Pending' && !isFinished(object);
}

/** Whether the controller has proposed a rotation, and nobody has decided yet. */
export function isProposed(object: Pick<RotationObject, 'metadata' | 'spec' | 'status'>): boolean {
  const { metadata, spec } = object;
  const isOpen = phaseOf(object) === 'Pending' && spec.suspend === true && metadata.deletionTimestamp === undefined;
  return isOpen && metadata.labels?.[proposalLabel] !== undefined;
}

/** The name of a round's Renewal; every replica derives the same one. */
export function renewalNameOf({ metadata }: Pick<RotationObject, 'metadata'>, round: Pick<Round, 'number'>): string {
  return `rotation-${shortHash(metadata.uid)}-${round.number}`;
}
