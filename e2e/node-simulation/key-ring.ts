import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

const size = 256;

/** Private keys made once and handed out in turn: a volume gets another one each time, for 256 times. */
export class KeyRing {
  readonly #keys: readonly KeyObject[] = Array.from(
    { length: size },
    () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  );
  #index = 0;

  next(): KeyObject {
    const key = this.#keys[this.#index % size];
    this.#index += 1;
    if (key === undefined) throw new Error('expected a key in the ring');
    return key;
  }
}
