import { shortHash } from '../redis/redis-keys.ts';
import type { ObjectOf } from '../intent/intent-kinds.ts';

/** A renewal on demand as operators request it: the durable object of which a bulk renewal in Redis is the execution. */
export type RenewalObject = ObjectOf<'Renewal'>;

/**
 * The id of the bulk renewal that carries out an object since its last change of suspend: every replica derives the same
 * one. Another generation of the spec has another id, so that a late cancellation never affects a resumed renewal.
 */
export function bulkIdOf({ metadata: { uid, generation } }: Pick<RenewalObject, 'metadata'>): string {
  return `${bulkIdPrefix(uid)}${generation}`;
}

/** What the ids of all bulk renewals of one object begin with. */
export function bulkIdPrefix(uid: string): string {
  return `${shortHash(uid)}-`;
}

/** The generation of an object's spec in the id of its bulk renewal; undefined for an id of an earlier release. */
export function generationOf(bulkId: string): number | undefined {
  const [, generation] = /^[0-9a-f]{20}-(\d{1,15})$/.exec(bulkId) ?? [];
  return generation === undefined ? undefined : Number(generation);
}

export function isFinished({ status }: RenewalObject): boolean {
  return status?.state === 'Completed' || status?.state === 'Failed';
}

/** Whether an object's bulk renewal may start renewals now. */
export function isInForce(object: RenewalObject): boolean {
  const { metadata, spec, status } = object;
  if (metadata.deletionTimestamp !== undefined || spec.suspend === true || spec.dryRun === true) return false;
  return status?.targets !== undefined && !isFinished(object);
}
