import type { AttributeReader } from './attribute-reader.ts';
import { attributes } from './attributes.ts';
import type { KeySpec } from './volume-spec.ts';

const curveSizes: readonly number[] = [256, 384, 521];

function parseSize(reader: AttributeReader, algorithm: KeySpec['algorithm']): number {
  const size = reader.read(attributes.keySize);
  if (algorithm === 'Ed25519') {
    // cert-manager's API ignores a size there, so a pod that carries one must go on working.
    if (size !== undefined && size !== 256)
      reader.warn(attributes.keySize, 'is ignored, Ed25519 keys have one size only');
    return 256;
  }
  if (algorithm === 'ECDSA') {
    if (size !== undefined && !curveSizes.includes(size)) {
      reader.reject(attributes.keySize, 'must be 256, 384 or 521 for an ECDSA key');
    }
    return size ?? 256;
  }
  if (size !== undefined && (size < 2048 || size > 8192)) {
    reader.reject(attributes.keySize, 'must be from 2048 to 8192 for an RSA key');
  }
  return size ?? 2048;
}

/** What key the volume asks for. */
export function parseKeySpec(reader: AttributeReader): KeySpec {
  const algorithm = reader.read(attributes.keyAlgorithm);
  const encoding = reader.read(attributes.keyEncoding);
  if (!reader.isSound(attributes.keyAlgorithm)) return { algorithm, size: 2048, encoding: 'PKCS8' };
  if (encoding === 'PKCS1' && algorithm !== 'RSA') {
    reader.reject(attributes.keyEncoding, `must be PKCS8 for an ${algorithm} key, PKCS1 is for RSA alone`);
  }
  return {
    algorithm,
    size: parseSize(reader, algorithm),
    encoding: encoding ?? (algorithm === 'RSA' ? 'PKCS1' : 'PKCS8'),
  };
}
