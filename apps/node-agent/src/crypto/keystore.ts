import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Secret } from '@certfleet/shared/secret.ts';
import { parsePem } from '@certfleet/shared/x509/pem.ts';

/** What each format of a truststore contains. */
export interface Truststore {
  /** The trusted certificates; may be empty. */
  readonly caPem: string;
  readonly password: Secret;
}

/** The DER of each certificate in the texts, each once, in order. */
export function distinctCertificates(...pems: readonly string[]): Buffer[] {
  const ders = pems.flatMap(parsePem).map(({ der }) => der);
  return ders.filter((der, index) => ders.findIndex((earlier) => earlier.equals(der)) === index);
}

/**
 * The password in plain text. New volumes have ASCII, because readers disagree about other characters; an adopted
 * volume may have any.
 * @throws CertfleetError invalid-argument if it is empty or contains NUL
 */
export function storePassword(password: Secret): string {
  const text = password.reveal();
  if (text !== '' && !text.includes('\0')) return text;
  throw new CertfleetError('invalid-argument', 'expected a keystore password of at least one character, without NUL');
}

/** The error for a keystore without the certificate of its key. */
export function certificateMissing(): CertfleetError {
  return new CertfleetError('invalid-argument', 'expected a certificate for the keystore, found none');
}
