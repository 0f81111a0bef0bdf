import { sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { CertfleetError } from '../errors.ts';
import { bitString, nullValue, objectIdentifier, sequence } from './der.ts';

interface SignatureAlgorithm {
  readonly oid: string;
  /** Undefined if the scheme includes the hash. */
  readonly digest: string | undefined;
  /** RSA's NULL (RFC 4055 section 5); the others have none. */
  readonly parameters: readonly Uint8Array[];
}

const rsaSha256: SignatureAlgorithm = { oid: '1.2.840.113549.1.1.11', digest: 'sha256', parameters: [nullValue] };
const rsaSha384: SignatureAlgorithm = { oid: '1.2.840.113549.1.1.12', digest: 'sha384', parameters: [nullValue] };
const rsaSha512: SignatureAlgorithm = { oid: '1.2.840.113549.1.1.13', digest: 'sha512', parameters: [nullValue] };
const ed25519: SignatureAlgorithm = { oid: '1.3.101.112', digest: undefined, parameters: [] };
const curves: Readonly<Record<string, SignatureAlgorithm>> = {
  prime256v1: { oid: '1.2.840.10045.4.3.2', digest: 'sha256', parameters: [] },
  secp384r1: { oid: '1.2.840.10045.4.3.3', digest: 'sha384', parameters: [] },
  secp521r1: { oid: '1.2.840.10045.4.3.4', digest: 'sha512', parameters: [] },
};
const algorithms: readonly SignatureAlgorithm[] = [rsaSha256, rsaSha384, rsaSha512, ed25519, ...Object.values(curves)];

/**
 * The signed structure of PKCS#10 and X.509: SEQUENCE of the signed part, the algorithm and the signature. The digest
 * depends on the key's strength, as in cert-manager: SHA-384 from RSA 3072 and for P-384, SHA-512 from 4096 and P-521.
 */
export function signStructure(toBeSigned: Buffer, key: KeyObject): Buffer {
  const algorithm = algorithmOf(key);
  return sequence(toBeSigned, encodeAlgorithm(algorithm), bitString(sign(algorithm.digest, toBeSigned, key)));
}

/** The AlgorithmIdentifier that `signStructure` writes for the key; a certificate repeats it in the signed part. */
export function signatureAlgorithmIdentifier(key: KeyObject): Buffer {
  return encodeAlgorithm(algorithmOf(key));
}

/**
 * The digest to verify with, undefined for Ed25519, for an AlgorithmIdentifier of `signStructure`.
 * @throws CertfleetError invalid-argument for any other one
 */
export function digestOfSignature(algorithmIdentifier: Buffer): string | undefined {
  const algorithm = algorithms.find((candidate) => encodeAlgorithm(candidate).equals(algorithmIdentifier));
  if (algorithm !== undefined) return algorithm.digest;
  throw new CertfleetError('invalid-argument', 'expected a signature by RSA or ECDSA with SHA-2, or by Ed25519');
}

function encodeAlgorithm({ oid, parameters }: SignatureAlgorithm): Buffer {
  return sequence(objectIdentifier(oid), ...parameters);
}

function algorithmOf(key: KeyObject): SignatureAlgorithm {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') {
    return modulusLength >= 4096 ? rsaSha512 : modulusLength >= 3072 ? rsaSha384 : rsaSha256;
  }
  if (key.asymmetricKeyType === 'ed25519') return ed25519;
  const algorithm = key.asymmetricKeyType === 'ec' ? curves[namedCurve] : undefined;
  if (algorithm !== undefined) return algorithm;
  throw new CertfleetError(
    'invalid-argument',
    `expected an RSA, NIST curve or Ed25519 key, found ${key.asymmetricKeyType ?? key.type} ${namedCurve}`.trimEnd(),
  );
}
