import { storeStatus } from '../intent/store-status.ts';
import type { RenewalReconcilerParts } from './reconciler-parts.ts';
import type { RenewalObject } from './renewal-object.ts';

/** Stores the status of a Renewal as `storeStatus` does. */
export async function writeStatus(
  { store }: Pick<RenewalReconcilerParts, 'store'>,
  object: RenewalObject,
  status: RenewalObject['status'],
): Promise<RenewalObject | undefined> {
  return status === undefined ? undefined : await storeStatus(store, 'Renewal', object, status);
}
