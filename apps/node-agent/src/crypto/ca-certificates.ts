import { X509Certificate } from 'node:crypto';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { encodePem, parsePem } from '@certfleet/shared/x509/pem.ts';

/** A certificate of a CA file. */
export interface CaCertificate {
  /** SHA-256 of the DER, lower-case hexadecimal. */
  readonly fingerprint: string;
  /** One block, encoded by this agent. */
  readonly pem: string;
}

/** Limits of one source of CA certificates. */
export interface CaLimits {
  readonly certificates: number;
  readonly characters: number;
}

/**
 * Reads CA certificates from a source that is not trusted to be well-formed: at least one, without repetitions.
 * @throws CertfleetError invalid-argument if there is none, one is no CA certificate, or a limit is exceeded
 */
export function readCaCertificates(pem: string, limits: CaLimits): readonly CaCertificate[] {
  if (pem.length > limits.characters)
    throw invalid(`at most ${limits.characters} characters of CA certificates, found ${pem.length}`);
  const blocks = parsePem(pem);
  if (blocks.length === 0) throw invalid('PEM blocks of CA certificates, found none');
  if (blocks.length > limits.certificates)
    throw invalid(`at most ${limits.certificates} CA certificates, found ${blocks.length}`);
  const found = blocks.map(({ label, der }, index) => {
    if (label !== 'CERTIFICATE') throw invalid(`CERTIFICATE as block ${index + 1}, found ${label}`);
    return caCertificate(der, `block ${index + 1}`);
  });
  return [...new Map(found.map((each) => [each.fingerprint, each])).values()];
}

function caCertificate(der: Buffer, place: string): CaCertificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch (cause) {
    throw invalid(`an X.509 certificate as ${place}, found other data`, cause);
  }
  if (!certificate.ca) throw invalid(`a CA certificate as ${place}, found one without the basic constraint CA`);
  return viewOf(certificate);
}

/** The certificates of a CA file on this node, in its order; blocks that are not certificates are skipped. */
export function certificatesOf(file: string): readonly CaCertificate[] {
  return parsePem(file).flatMap(({ der }) => {
    try {
      return [viewOf(new X509Certificate(der))];
    } catch {
      return [];
    }
  });
}

/** The beginning of a CA file, up to the first certificate that is not one of these. */
export function leadingPart(file: string, fingerprints: ReadonlySet<string>): string {
  const count = certificatesOf(file).findIndex(({ fingerprint }) => !fingerprints.has(fingerprint));
  if (count < 0) return file;
  const begins = [...file.matchAll(/-----BEGIN CERTIFICATE-----/g)];
  return file.slice(0, begins[count]?.index);
}

function viewOf(certificate: X509Certificate): CaCertificate {
  return {
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    // Encoded again, so that the file gets nothing but the certificate, and each certificate in one form.
    pem: encodePem('CERTIFICATE', certificate.raw),
  };
}

function invalid(expectation: string, cause?: unknown): CertfleetError {
  return new CertfleetError('invalid-argument', `expected ${expectation}`, { cause });
}
