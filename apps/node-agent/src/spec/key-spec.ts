import type { AttributeReader } from './attribute-reader.ts';
import { attributes } from './attributes.ts';
import type { KeySpec } from './volume-spec.ts';

/** The sizes of each algorithm, as inclusive ranges. */
export const keySizes: Readonly<
  Record<
    KeySpec['algorithm'],
    { byDefault: number; ranges: readonly (readonly [min: number, max: number])[]; words: string }
  >
> = {
  RSA: { byDefault: 2048, ranges: [[2048, 8192]], words: 'must be from 2048 to 8192 for an RSA key' },
  ECDSA: {
    byDefault: 256,
    ranges: [
      [256, 256],
      [384, 384],
      [521, 521],
    ],
    words: 'must be 256, 384 or 521 for an ECDSA key',
  },
  Ed25519: {
    byDefault: 256,
    ranges: [],
    words: 'must not be set for an Ed25519 key, which has one size only',
  },
};

/** The reason of an error about PKCS1 for a key that has no such encoding. */
export function pkcs1Words(algorithm: string): string {
  return `must be PKCS8 for an ${algorithm} key, PKCS1 is for RSA only`;
}

/** The size, or the default if it is unset or wrong, because key generation relies on it. */
function parseSize(reader: AttributeReader, algorithm: KeySpec['algorithm']): number {
  const size = reader.read(attributes.keySize);
  const { byDefault, ranges, words } = keySizes[algorithm];
  if (size === undefined) {
    return byDefault;
  }
  if (ranges.some(([min, max]) => size >= min && size <= max)) return size;
  reader.reject(attributes.keySize, words);
  return byDefault;
}

/** The key that the volume requests. */
export function parseKeySpec(reader: AttributeReader): KeySpec {
  const algorithm = reader.read(attributes.keyAlgorithm);
  const encoding = reader.read(attributes.keyEncoding);
  if (!reader.isSound(attributes.keyAlgorithm)) return { algorithm, size: 2048, encoding: 'PKCS8' };
  const size = parseSize(reader, algorithm);
  if (algorithm === 'RSA') return { algorithm, size, encoding: encoding ?? 'PKCS1' };
  if (encoding === 'PKCS1') {
    reader.reject(attributes.keyEncoding, pkcs1Words(algorithm));
  }
  return { algorithm, size, encoding: 'PKCS8' };
}
