import { isDeepStrictEqual } from 'node:util';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { IntentKind, ObjectOf, StatusOf } from './intent-kinds.ts';
import type { IntentStore } from './intent-store.ts';

/**
 * Stores a status if it differs.
 * @returns the stored object; undefined if nothing was stored, because it is equal or another replica was first
 */
export async function storeStatus<Kind extends IntentKind>(
  store: Pick<IntentStore, 'updateStatus'>,
  kind: Kind,
  object: ObjectOf<Kind>,
  status: StatusOf<Kind>,
): Promise<ObjectOf<Kind> | undefined> {
  if (isDeepStrictEqual(object.status, status)) return undefined;
  try {
    return await store.updateStatus(kind, object, status);
  } catch (thrown) {
    const { code } = asCertfleetError(thrown);
    // Changed or deleted meanwhile: the next pass sees the new object.
    if (code === 'aborted' || code === 'not-found') return undefined;
    throw thrown;
  }
}
