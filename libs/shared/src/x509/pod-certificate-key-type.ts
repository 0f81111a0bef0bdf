import type { KeyObject } from 'node:crypto';

/** The key types of PodCertificateRequests, in the spelling of the kubelet's `keyType`. */
export const keyTypes = ['RSA3072', 'RSA4096', 'ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519'] as const;

export type KeyType = (typeof keyTypes)[number];

const curves: Readonly<Record<string, KeyType>> = {
  prime256v1: 'ECDSAP256',
  secp384r1: 'ECDSAP384',
  secp521r1: 'ECDSAP521',
};
const moduli: Readonly<Record<number, KeyType>> = { 3072: 'RSA3072', 4096: 'RSA4096' };

/** The type of a public key; undefined for any other key. */
export function keyTypeOf(key: KeyObject): KeyType | undefined {
  const { namedCurve = '', modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const type = key.asymmetricKeyType;
  if (type === 'ec') return Object.hasOwn(curves, namedCurve) ? curves[namedCurve] : undefined;
  if (type === 'rsa') return moduli[modulusLength];
  return type === 'ed25519' ? 'ED25519' : undefined;
}
