import type { AttributeReader } from './attribute-reader.ts';
import { attributes } from './attributes.ts';
import type { KeySpec } from './volume-spec.ts';

/** The sizes of each algorithm, the default first; the text is for errors. */
const sizes: Readonly<
  Record<KeySpec['algorithm'], { byDefault: number; isValid: (size: number) => boolean; words: string }>
> = {
  RSA: {
    byDefault: 2048,
    isValid: (size) => size >= 2048 && size <= 8192,
    words: 'must be from 2048 to 8192 for an RSA key',
  },
  ECDSA: {
    byDefault: 256,
    isValid: (size) => [256, 384, 521].includes(size),
    words: 'must be 256, 384 or 521 for an ECDSA key',
  },
  Ed25519: {
    byDefault: 256,
    isValid: () => false,
    words: 'must not be set for an Ed25519 key, which has one size only',
  },
};

/** The size, or the default if it is unset or wrong, because key generation relies on it. */
function parseSize(reader: AttributeReader, algorithm: KeySpec['algorithm']): number {
  const size = reader.read(attributes.keySize);
  const { byDefault, isValid, words } = sizes[algorithm];
  if (size === undefined) {
    return byDefault;
  }
  if (isValid(size)) return size;
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
    reader.reject(attributes.keyEncoding, `must be PKCS8 for an ${algorithm} key, PKCS1 is for RSA only`);
  }
  return { algorithm, size, encoding: 'PKCS8' };
}
