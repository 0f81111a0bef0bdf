import { X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { distinguishedNameText } from '@certfleet/shared/distinguished-name-text.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { subjectAltNamesOf } from './certificate-names.ts';
import { parsePem } from '@certfleet/shared/x509/pem.ts';
import type { SubjectAltNames } from '@certfleet/shared/x509/x509-extensions.ts';

/** The requirements for an issuer's response. */
export interface ChainExpectation {
  /** The private key of the certificate request. */
  readonly key: KeyObject;
  readonly now: Date;
}

/** A verified response of an issuer: the content of the volume's files, and its fields for reports. */
export interface IssuedCertificate extends SubjectAltNames {
  /** The issuer's chain, verbatim; the leaf comes first. */
  readonly certificatePem: string;
  /** The issuer's CA, verbatim; empty if it returned none. */
  readonly caPem: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Hexadecimal, lower case, as are the fingerprints. */
  readonly serialNumber: string;
  readonly fingerprintSha256: string;
  /** RFC 4514 text, as is `issuer`. */
  readonly subject: string;
  readonly issuer: string;
  readonly caFingerprintsSha256: readonly string[];
  /** Properties of the chain that TLS peers may reject; never fatal. */
  readonly warnings: readonly string[];
}

/** A public root bundle has about 150 certificates in 250 KB; a chain seldom more than four in 8 KB. */
const chainLimits = { characters: 128 * 1024, certificates: 32 };
const caLimits = { characters: 1024 * 1024, certificates: 512 };
/** A CA file also contains additional trust. */
const caFileLimits = { characters: 2 * 1024 * 1024, certificates: 1536 };

/**
 * Verifies an issuer's response before files are written. The response is untrusted: its size is bounded, every block
 * must be a certificate, and the first one must be valid now and match the key.
 * @throws CertfleetError failed-precondition, reason InvalidCertificate, retryable: another response may be valid
 */
export function verifyIssuedChain(
  response: { readonly certificatePem: string; readonly caPem: string },
  { key, now }: ChainExpectation,
): IssuedCertificate {
  const { leaf, chain, caFingerprints } = readAnswer(response, caLimits);
  if (!waitsKey(leaf, key))
    throw invalid(`expected a first certificate for the volume's key, found one for another key`);
  requireValidNow(leaf, now);
  return {
    certificatePem: response.certificatePem,
    caPem: caFingerprints.length === 0 ? '' : response.caPem,
    ...describe(leaf, caFingerprints),
    warnings: chainWarnings(chain, now),
  };
}

/** The fields of a certificate and of its CA, not verified. */
export type ChainFacts = Omit<IssuedCertificate, 'certificatePem' | 'caPem' | 'warnings'>;

/**
 * Reads a chain that is already on the node, valid or not.
 * @throws CertfleetError failed-precondition, reason InvalidCertificate, if the texts are not certificates
 */
export function inspectChain(certificatePem: string, caPem = ''): ChainFacts {
  const { leaf, caFingerprints } = readAnswer({ certificatePem, caPem }, caFileLimits);
  return describe(leaf, caFingerprints);
}

/**
 * The first certificate of a chain on the node, valid or not, with its fields.
 * @throws CertfleetError failed-precondition, reason InvalidCertificate, if the text is not a chain
 */
export function inspectLeaf(certificatePem: string): { readonly leaf: X509Certificate; readonly facts: ChainFacts } {
  const { leaf, caFingerprints } = readAnswer({ certificatePem, caPem: '' }, caFileLimits);
  return { leaf, facts: describe(leaf, caFingerprints) };
}

interface Answer {
  readonly leaf: X509Certificate;
  readonly chain: readonly X509Certificate[];
  readonly caFingerprints: readonly string[];
}

function readAnswer(
  response: { readonly certificatePem: string; readonly caPem: string },
  limits: typeof caLimits,
): Answer {
  const chain = readCertificates('certificate chain', response.certificatePem, chainLimits);
  const caFingerprints = readCa(response.caPem, limits);
  const [leaf] = chain;
  if (leaf === undefined) throw invalid('expected at least one certificate, found none');
  if (caFingerprints.length === 0 && response.caPem.trim() !== '')
    throw invalid('expected the ca as PEM, found other text');
  return { leaf, chain, caFingerprints };
}

/**
 * Fingerprints of the certificates in a CA file, in its order.
 * @throws CertfleetError failed-precondition, reason InvalidCertificate, if it contains other blocks
 */
export function caFileFingerprints(pem: string): readonly string[] {
  return readCa(pem, caFileLimits);
}

/** Cache of CA fingerprints by PEM: an issuer returns the same CA with each of its certificates. */
const knownCas = new Map<string, readonly string[]>();
const knownCasLimits = { entries: 8, characters: 16 * 1024 };

function readCa(pem: string, limits: typeof caLimits): readonly string[] {
  const known = knownCas.get(pem);
  if (known !== undefined) return known;
  const fingerprints = readCertificates('ca', pem, limits).map(fingerprint);
  if (pem.length > knownCasLimits.characters) return fingerprints;
  const [oldest] = knownCas.keys();
  if (oldest !== undefined && knownCas.size === knownCasLimits.entries) knownCas.delete(oldest);
  knownCas.set(pem, fingerprints);
  return fingerprints;
}

function describe(leaf: X509Certificate, caFingerprintsSha256: readonly string[]): ChainFacts {
  return {
    notBefore: leaf.validFromDate,
    notAfter: leaf.validToDate,
    serialNumber: leaf.serialNumber.toLowerCase(),
    fingerprintSha256: fingerprint(leaf),
    subject: distinguishedNameText(leaf.subject),
    issuer: distinguishedNameText(leaf.issuer),
    ...asInvalid(() => subjectAltNamesOf(leaf), 'the names of the first certificate cannot be read'),
    caFingerprintsSha256,
  };
}

function readCertificates(what: string, pem: string, limits: typeof chainLimits): X509Certificate[] {
  if (pem.length > limits.characters) {
    throw invalid(`expected a ${what} of at most ${limits.characters} characters, found ${pem.length}`);
  }
  const blocks = asInvalid(() => parsePem(pem), `the ${what} is malformed`);
  if (blocks.length > limits.certificates) {
    throw invalid(`expected a ${what} of at most ${limits.certificates} certificates, found ${blocks.length}`);
  }
  return blocks.map(({ label, der }, index) => {
    if (label !== 'CERTIFICATE')
      throw invalid(`expected CERTIFICATE as block ${index + 1} of the ${what}, found ${label}`);
    return asInvalid(() => new X509Certificate(der), `block ${index + 1} of the ${what} is not an X.509 certificate`);
  });
}

function waitsKey(leaf: X509Certificate, key: KeyObject): boolean {
  return asInvalid(() => leaf.checkPrivateKey(key), 'the public key of the first certificate cannot be read');
}

function requireValidNow(leaf: X509Certificate, now: Date): void {
  const { validFromDate: notBefore, validToDate: notAfter } = leaf;
  if (!(notAfter > now)) {
    throw invalid(
      `expected a certificate valid at ${now.toISOString()}, found one that expired at ${isoText(notAfter)}`,
    );
  }
  if (Number.isNaN(notBefore.getTime())) throw invalid('expected a certificate with a readable not-before');
}

/**
 * csi-driver writes any chain with a matching leaf; order and expiry above the leaf are left to TLS peers (RFC 8446
 * 4.4.2).
 */
function chainWarnings(chain: readonly X509Certificate[], now: Date): string[] {
  return chain.slice(1).flatMap((issuer, index) => {
    const place = `certificate ${index + 2} of the chain`;
    const issued = chain[index] !== undefined && isIssuedBy(chain[index], issuer);
    return [
      ...(issued ? [] : [`${place} did not sign the one before it`]),
      ...(issuer.validToDate > now ? [] : [`${place} expired at ${isoText(issuer.validToDate)}`]),
    ];
  });
}

function isIssuedBy(subject: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
  } catch {
    return false; // A kind of public key that OpenSSL does not support.
  }
}

const fingerprint = (certificate: X509Certificate): string =>
  certificate.fingerprint256.replaceAll(':', '').toLowerCase();
const isoText = (date: Date): string => (Number.isNaN(date.getTime()) ? 'no readable time' : date.toISOString());

function asInvalid<T>(read: () => T, failure: string): T {
  try {
    return read();
  } catch (error) {
    throw invalid(error instanceof CertfleetError ? `${failure}: ${error.message}` : failure, error);
  }
}

function invalid(message: string, cause?: unknown): CertfleetError {
  return new CertfleetError('failed-precondition', message, { reason: 'InvalidCertificate', retryable: true, cause });
}
