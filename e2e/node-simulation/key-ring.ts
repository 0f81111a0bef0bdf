import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

const size = 256;

/** Private keys, generated once and reused in turn: the next 256 keys of a volume differ. */
export class KeyRing {
  readonly #keys: readonly KeyObject[] = Array.from(
    { length: size },
    () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  );
  #index = 0;

  next(): KeyObject {
    const key = this.#keys[this.#index % size];
    this.#index += 1;
    if (key === undefined) throw new Error('the key ring is empty');
    return key;
  }
}
