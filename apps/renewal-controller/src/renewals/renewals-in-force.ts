import type { IntentStore } from '../intent/intent-store.ts';
import { bulkIdOf, bulkIdParts, isInForce } from './renewal-object.ts';

/**
 * The bulk renewals whose objects are in force, from the cache of the store. Lanes ask it before they start a renewal:
 * after a failover, Redis may again contain a bulk renewal whose cancellation it has lost.
 */
export class RenewalsInForce {
  readonly #ids = new Set<string>();

  constructor(store: Pick<IntentStore, 'list' | 'onChange'>) {
    for (const object of store.list('Renewal')) if (isInForce(object)) this.#ids.add(bulkIdOf(object));
    store.onChange('Renewal', ({ previous, current }) => {
      if (previous !== undefined) this.#ids.delete(bulkIdOf(previous));
      if (current !== undefined && isInForce(current)) this.#ids.add(bulkIdOf(current));
    });
  }

  /** Bulk renewals of earlier releases have no object and are in force until Redis says otherwise. */
  has(bulkId: string): boolean {
    return this.#ids.has(bulkId) || bulkIdParts(bulkId) === undefined;
  }
}
