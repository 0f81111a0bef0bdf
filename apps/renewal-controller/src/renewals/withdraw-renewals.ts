import type { BulkRenewal } from '../dispatch/bulk-renewal.ts';
import type { BulkRenewals } from '../dispatch/bulk-renewals.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { kubernetesUser } from './reconciler-parts.ts';
import type { RenewalReconcilerParts } from './reconciler-parts.ts';
import { bulkIdOf, bulkIdParts, bulkIdPrefix, isEarlierBulk, isInForce } from './renewal-object.ts';
import type { RenewalObject } from './renewal-object.ts';

type Parts = Pick<
  RenewalReconcilerParts,
  'store' | 'bulks' | 'audit' | 'apiActions' | 'recordEvent' | 'announce' | 'logger'
>;

/**
 * Cancels every bulk renewal of an object, except the one in force.
 * @returns whether one of them was running until now; of several replicas, one gets true
 */
export async function cancelBulks(
  { bulks }: Pick<Parts, 'bulks'>,
  object: RenewalObject,
  known: readonly BulkRenewal[],
): Promise<boolean> {
  const { metadata } = object;
  const { uid, generation } = metadata;
  const previous = { ...object, metadata: { ...metadata, generation: Math.max(1, generation - 1) } };
  const kept = isInForce(object) ? bulkIdOf(object) : undefined;
  const prefix = bulkIdPrefix(uid);
  // Also those that Redis does not know: another replica may be about to create one.
  const ids = new Set([bulkIdOf(object), bulkIdOf(previous)]);
  for (const { id } of known) if (id.startsWith(prefix)) ids.add(id);
  let wasRunning = false;
  for (const id of ids) if (id !== kept && (await bulks.cancel(id))) wasRunning = true;
  return wasRunning;
}

/**
 * Cancels the bulk renewals in Redis that no object demands: the object was deleted while no replica ran, or Redis has
 * lost the cancellation. Completes the recalls of replicas that were killed.
 * @param isDoubtful whether Redis may have lost recalls
 */
export async function cancelOrphans(parts: Parts, isDoubtful: boolean): Promise<void> {
  const { store, bulks } = parts;
  const objects = new Map(store.list('Renewal').map((object) => [bulkIdPrefix(object.metadata.uid), object]));
  for (const bulk of await bulks.list()) {
    if (bulk.state === 'cancelled' && bulk.pending > 0) await settleCancelled(bulks, bulk, isDoubtful);
    const id = bulkIdParts(bulk.id);
    if (id === undefined || (bulk.state !== 'starting' && bulk.state !== 'running')) continue;
    const object = objects.get(id.prefix);
    if (object === undefined) await cancelDeleted(parts, bulk);
    else if (isEarlierBulk(id, object)) await bulks.cancel(bulk.id);
  }
}

/** Renewals that agents had begun are settled when their results are there. */
async function settleCancelled(
  bulks: BulkRenewals,
  { id, mustRecall }: BulkRenewal,
  isDoubtful: boolean,
): Promise<void> {
  if (mustRecall === true || isDoubtful) await bulks.recall(id);
  else await bulks.restoreSchedules(id);
}

/** The cache may not know the object yet, so its absence is checked at the source. */
async function cancelDeleted(parts: Parts, bulk: BulkRenewal): Promise<void> {
  const { store, bulks } = parts;
  try {
    const fresh = bulk.name === undefined ? undefined : await store.get('Renewal', bulk.name);
    if (fresh !== undefined && bulk.id.startsWith(bulkIdPrefix(fresh.metadata.uid))) return;
  } catch (thrown) {
    // Without an answer nothing is decided; lanes start nothing for a renewal without a known object.
    if (asCertfleetError(thrown).code !== 'not-found') throw thrown;
  }
  if (await bulks.cancel(bulk.id)) await noteDeletion(parts, bulk.name ?? bulk.id, bulk.reason);
}

/** Cancels what a deleted object requested. */
export async function cancelDeletedObject(parts: Parts, object: RenewalObject): Promise<void> {
  const known = await parts.bulks.list();
  const deleted = { ...object, spec: { ...object.spec, suspend: true } };
  if (!(await cancelBulks(parts, deleted, known))) return;
  parts.recordEvent(object, {
    type: 'Normal',
    reason: 'Cancelled',
    message: 'the object was deleted; no renewal starts',
  });
  if (!(await parts.apiActions.isNoted(object.metadata.uid, 'cancel')))
    await noteDeletion(parts, object.metadata.name, object.spec.reason);
}

async function noteDeletion({ audit, announce, logger }: Parts, name: string, reason: string): Promise<void> {
  logger.info({ renewal: name }, 'renewal cancelled');
  await audit.write({ who: kubernetesUser, action: 'cancel', target: `renewal ${name}`, reason });
  await announce(['renewals']);
}
