import { shortHash } from '../redis/redis-keys.ts';
import type { ObjectOf } from '../intent/intent-kinds.ts';

/** A renewal on demand as operators request it: the durable object of which a bulk renewal in Redis is the execution. */
export type RenewalObject = ObjectOf<'Renewal'>;

/**
 * The id of the bulk renewal that carries out an object since it was last suspended or stopped: every replica derives the
 * same one. Another generation of the spec, and another number of accepted failures, have another id, so that a late
 * cancellation never affects a resumed renewal.
 */
export function bulkIdOf({ metadata: { uid, generation }, status }: RenewalObject): string {
  const acceptedFailures = accepted(status);
  return `${bulkIdPrefix(uid)}${generation}${acceptedFailures === 0 ? '' : `-${acceptedFailures}`}`;
}

/** What the ids of all bulk renewals of one object begin with. */
export function bulkIdPrefix(uid: string): string {
  return `${shortHash(uid)}-`;
}

/** The parts of the id of a bulk renewal. */
interface BulkIdParts {
  /** What the ids of all bulk renewals of its object begin with. */
  readonly prefix: string;
  readonly generation: number;
  readonly acceptedFailures: number;
}

/** Undefined for an id of an earlier release. */
export function bulkIdParts(bulkId: string): BulkIdParts | undefined {
  const [, prefix, generation, accepted = '0'] = /^([0-9a-f]{20}-)(\d{1,15})(?:-(\d{1,15}))?$/.exec(bulkId) ?? [];
  if (prefix === undefined || generation === undefined) return undefined;
  return { prefix, generation: Number(generation), acceptedFailures: Number(accepted) };
}

/** Whether an object has another bulk renewal since. */
export function isEarlierBulk(bulk: BulkIdParts, { metadata, status }: RenewalObject): boolean {
  const { generation } = metadata;
  return bulk.generation < generation || (bulk.generation === generation && bulk.acceptedFailures < accepted(status));
}

export function isFinished({ status }: RenewalObject): boolean {
  return status?.state === 'Completed' || status?.state === 'Failed';
}

/** Whether an object's bulk renewal may start renewals now. */
export function isInForce(object: RenewalObject): boolean {
  const { metadata, spec, status } = object;
  if (metadata.deletionTimestamp !== undefined || spec.suspend === true || spec.dryRun === true) return false;
  return status?.targets !== undefined && !isFinished(object) && !isStopped(object);
}

/** The number of failed attempts at which a renewal stops; undefined if none stops it. */
export function stopsAt({ spec, status }: Pick<RenewalObject, 'spec' | 'status'>): number | undefined {
  return spec.stopAfterFailures === undefined ? undefined : accepted(status) + spec.stopAfterFailures;
}

/**
 * Whether a renewal has stopped after failures. It follows from the object alone, and the number of failures in the status
 * never decreases: so a renewal remains stopped, whatever a replica or Redis has lost, until an operator continues it.
 */
export function isStopped(object: Pick<RenewalObject, 'spec' | 'status'>): boolean {
  return (object.status?.failures ?? 0) >= (stopsAt(object) ?? Infinity);
}

/** Whether every selected volume may be renewed: there is no canary, or an operator has approved the others. */
export function isApproved({ spec, status }: Pick<RenewalObject, 'spec' | 'status'>): boolean {
  return spec.canary === undefined || status?.canary?.approvalTime !== undefined;
}

/** Whether a renewal waits for the approval after its canary. */
export function isAwaitingApproval(object: RenewalObject): boolean {
  return object.status?.state === 'AwaitingApproval' && !isApproved(object);
}

function accepted(status: RenewalObject['status']): number {
  return status?.acceptedFailures ?? 0;
}
