import { hash } from 'node:crypto';
import type { X509Certificate } from 'node:crypto';
import { readIssuerFields, readIssuerReference } from '@certfleet/shared/x509/issuer-fields.ts';
import { parsePem } from '@certfleet/shared/x509/pem.ts';

/** How certificates of a CA are recognised. */
export interface KnownCa {
  /** SHA-256 in lower-case hexadecimal. */
  readonly fingerprint: string;
  /** SubjectKeyIdentifier in hexadecimal; empty without one. */
  readonly keyId: string;
  readonly nameHash: string;
}

/** Above what the API accepts. */
const maxCharacters = 128 * 1024;
const maxCertificates = 16;

/**
 * What a chain shows about the CAs of its first certificate, as a text that rows keep: the SHA-256 of the CAs in the chain,
 * and for each certificate the AuthorityKeyIdentifier and a hash of the issuer's name. A root is usually not in the chain;
 * the requests and their chains are deleted after 15 minutes, and the CAs of a rotation may be known only later.
 * @returns undefined for a chain that cannot be read
 */
export function issuingCasOf(chain: unknown): string | undefined {
  if (typeof chain !== 'string' || chain.length > maxCharacters) return undefined;
  try {
    const [leaf, ...cas] = parsePem(chain).map(({ der }) => der);
    if (leaf === undefined || cas.length >= maxCertificates) return undefined;
    const references = [leaf, ...cas].map((der) => {
      const { name, keyIdentifier } = readIssuerReference(der);
      return `${keyIdentifier?.toString('hex') ?? ''}.${hashOf(name)}`;
    });
    return `${cas.map((der) => hash('sha256', der, 'hex')).join(',')};${references.join(',')}`;
  } catch {
    return undefined;
  }
}

/** How certificates of this CA are recognised. */
export function knownCa({ raw, fingerprint256 }: X509Certificate): KnownCa {
  const { subject, subjectKeyIdentifier } = readIssuerFields(raw);
  return {
    fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
    keyId: subjectKeyIdentifier?.toString('hex') ?? '',
    nameHash: hashOf(subject),
  };
}

/** Which of two CAs has issued a certificate. */
export type IssuedBy = 'leaving' | 'arriving' | 'other' | 'unknown';

/**
 * Compares what a chain shows with the CAs of a rotation. If both CAs have the same key, each verifies the certificate: it is
 * not one of the leaving CA only. If the chain shows names alone, and both CAs have the same name, nothing is known.
 */
export function issuedBy(
  shown: string | undefined,
  { leaving, arriving }: { readonly leaving: readonly KnownCa[]; readonly arriving: readonly KnownCa[] },
): IssuedBy {
  if (shown === undefined) return 'unknown';
  const [fingerprints = '', references = ''] = shown.split(';');
  const cas = new Set(fingerprints.split(','));
  const issuers = references.split(',').map((each) => each.split('.') as [keyId: string, nameHash: string]);
  const best = (known: readonly KnownCa[]): Match =>
    Math.max(0, ...known.map((ca) => (cas.has(ca.fingerprint) ? certain : matchOf(ca, issuers))));
  const [isLeaving, isArriving] = [best(leaving), best(arriving)];
  if (isArriving === certain) return 'arriving';
  if (isLeaving === certain) return 'leaving';
  if (isLeaving === isArriving) return isLeaving === none ? 'other' : 'unknown';
  return isArriving > isLeaving ? 'arriving' : 'leaving';
}

type Match = number;
const none = 0;
/** By its name only. */
const possible = 1;
const certain = 2;

function matchOf(ca: KnownCa, issuers: readonly (readonly [keyId: string, nameHash: string])[]): Match {
  let match = none;
  for (const [keyId, nameHash] of issuers) {
    const areKeysKnown = keyId !== '' && ca.keyId !== '';
    if (areKeysKnown && keyId === ca.keyId) return certain;
    if (!areKeysKnown && nameHash === ca.nameHash) match = possible;
  }
  return match;
}

const hashOf = (name: Buffer): string => hash('sha256', name, 'hex').slice(0, 20);
