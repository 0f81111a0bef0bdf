import { isDeepStrictEqual } from 'node:util';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { RenewalReconcilerParts } from './reconciler-parts.ts';
import type { RenewalObject } from './renewal-object.ts';

/**
 * Stores a status if it differs.
 * @returns the stored object; undefined if nothing was stored, because it is equal or another replica was first
 */
export async function writeStatus(
  { store }: Pick<RenewalReconcilerParts, 'store'>,
  object: RenewalObject,
  status: RenewalObject['status'],
): Promise<RenewalObject | undefined> {
  if (status === undefined || isDeepStrictEqual(object.status, status)) return undefined;
  try {
    return await store.updateStatus('Renewal', object, status);
  } catch (thrown) {
    const { code } = asCertfleetError(thrown);
    // Changed or deleted meanwhile: the next pass sees the new object.
    if (code === 'aborted' || code === 'not-found') return undefined;
    throw thrown;
  }
}
