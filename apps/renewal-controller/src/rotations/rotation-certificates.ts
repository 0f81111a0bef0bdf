import { X509Certificate } from 'node:crypto';
import type { RotationObject } from './rotation-object.ts';

/** The CAs of a rotation. Fingerprints are SHA-256 in lower-case hexadecimal. */
export interface RotationCas {
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** The roots of both, in PEM, one certificate each. */
  readonly certificates: readonly string[];
  /** The earliest not-after and the latest not-before of the new CA, in milliseconds since the epoch. */
  readonly notAfterMs: number;
  readonly notBeforeMs: number;
}

/** The certificates of both CAs, in PEM. */
export interface CaCertificates {
  readonly from: string;
  readonly to: string;
}

export interface CertificateProblem {
  readonly problem: string;
}

const maxCertificates = 4;
const block = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** The certificates of a rotation; undefined while a CA that its spec names otherwise is not found in the fleet. */
export function certificatesOf({ spec, status }: Pick<RotationObject, 'spec' | 'status'>): CaCertificates | undefined {
  const from = spec.from.certificate ?? status?.certificates?.from;
  const to = spec.to.certificate ?? status?.certificates?.to;
  return from === undefined || to === undefined ? undefined : { from, to };
}

/** Reads the certificates of a rotation, and checks that they can be its CAs. Their validity is not checked. */
export function readRotationCas({ from, to }: CaCertificates): RotationCas | CertificateProblem {
  const [before, after] = [readCas('from', from), readCas('to', to)];
  if ('problem' in before) return before;
  if ('problem' in after) return after;
  const [fromPrints, toPrints] = [before.map(fingerprintOf), after.map(fingerprintOf)];
  if (fromPrints.some((each) => toPrints.includes(each)))
    return { problem: 'from and to have a certificate in common: nothing would be replaced' };
  const all = [...before, ...after];
  return {
    from: fromPrints,
    to: toPrints,
    certificates: all.map((certificate) => certificate.toString()),
    notAfterMs: Math.min(...after.map(({ validToDate }) => validToDate.getTime())),
    notBeforeMs: Math.max(...after.map(({ validFromDate }) => validFromDate.getTime())),
  };
}

/** The SHA-256 of the certificates of one CA; none if they are invalid. */
export function fingerprintsOf(pem: string): readonly string[] {
  const cas = readCas('', pem);
  return 'problem' in cas ? [] : cas.map(fingerprintOf);
}

function readCas(name: string, pem: string): readonly X509Certificate[] | CertificateProblem {
  const blocks = pem.match(block) ?? [];
  if (blocks.length === 0 || blocks.length > maxCertificates)
    return { problem: `${name}.certificate: expected 1 to ${maxCertificates} certificates, found ${blocks.length}` };
  const certificates: X509Certificate[] = [];
  for (const [i, text] of blocks.entries()) {
    const certificate = parse(text);
    if (certificate === undefined)
      return { problem: `${name}.certificate: block ${i + 1} is not an X.509 certificate` };
    if (!certificate.ca)
      return { problem: `${name}.certificate: block ${i + 1} is not the certificate of a CA (basic constraints)` };
    certificates.push(certificate);
  }
  return [...new Map(certificates.map((each) => [fingerprintOf(each), each])).values()];
}

function parse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function fingerprintOf({ fingerprint256 }: X509Certificate): string {
  return fingerprint256.replaceAll(':', '').toLowerCase();
}
