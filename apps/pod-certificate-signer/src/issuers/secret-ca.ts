import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import {
  authorityKeyIdentifierExtension,
  randomSerialNumber,
  signCertificate,
  subjectKeyIdentifierExtension,
} from '@certfleet/shared/x509/certificate-builder.ts';
import { encodeDistinguishedName } from '@certfleet/shared/x509/distinguished-name.ts';
import { readIssuerFields } from '@certfleet/shared/x509/issuer-fields.ts';
import type { IssuerFields } from '@certfleet/shared/x509/issuer-fields.ts';
import { encodePem, parsePem } from '@certfleet/shared/x509/pem.ts';
import {
  basicConstraintsExtension,
  keyUsageExtensions,
  subjectAltNameExtension,
} from '@certfleet/shared/x509/x509-extensions.ts';
import type { CertificateOrder } from '../policy/decide.ts';
import type { IssuedChain } from './issuer.ts';
import { distinct, isSelfSigned, topOfChain } from './trust-anchors.ts';
import { validityWithin } from './validity.ts';
import type { Validity } from './validity.ts';

/** A CA whose key is in memory. */
export interface SecretCa extends Validity {
  readonly key: KeyObject;
  readonly fields: IssuerFields;
  /** The CA and those above it, as PEM, without a self-signed one, which a peer has or does not trust. */
  readonly chainPem: string;
}

const maxCharacters = 128 * 1024;
const commonNameOid = '2.5.4.3';

/**
 * Reads the data of a Secret of type kubernetes.io/tls.
 * @throws CertfleetError failed-precondition that names the wrong entry, and nothing of its content
 */
export function readSecretCa(data: Readonly<Record<string, unknown>>): SecretCa {
  const certificates = parsedAs('tls.crt', 'certificates as PEM', () =>
    parsePem(textOf(data, 'tls.crt')).map(({ der }) => new X509Certificate(der)),
  );
  const key = parsedAs('tls.key', 'an unencrypted private key as PEM', () => createPrivateKey(textOf(data, 'tls.key')));
  const [ca] = certificates;
  if (ca?.ca !== true) throw unusable('tls.crt', 'a CA certificate as the first block');
  if (!ca.checkPrivateKey(key)) throw unusable('tls.key', 'the key of the first certificate in tls.crt');
  const presented = certificates.filter((each) => !isSelfSigned(each));
  return {
    key,
    fields: readIssuerFields(ca.raw),
    chainPem: presented.map(({ raw }) => encodePem('CERTIFICATE', raw)).join(''),
    notBefore: ca.validFromDate,
    notAfter: ca.validToDate,
  };
}

/**
 * The CAs that verifiers must trust: the one at the top of the chain, and those of `ca.crt`, which may contain the next
 * CA before it signs.
 * @throws CertfleetError failed-precondition that names the wrong entry
 */
export function readTrustAnchors(data: Readonly<Record<string, unknown>>): readonly X509Certificate[] {
  const read = (entry: string): readonly X509Certificate[] =>
    parsedAs(entry, 'certificates as PEM', () =>
      parsePem(textOf(data, entry)).map(({ der }) => new X509Certificate(der)),
    );
  const [ca, ...above] = read('tls.crt');
  if (ca === undefined) throw unusable('tls.crt', 'a CA certificate as the first block');
  const additional = data['ca.crt'] === undefined ? [] : read('ca.crt').filter((each) => each.ca);
  return distinct([topOfChain(ca, [...above, ...additional]), ...additional]);
}

/** @throws CertfleetError failed-precondition if the CA expires too soon */
export function signWithCa(ca: SecretCa, order: CertificateOrder, nowMs: number): IssuedChain {
  const { names, usages, key } = order;
  const validity = validityWithin(ca, order.lifetimeSeconds, nowMs);
  const subject = names.commonName === undefined ? [] : [[{ oid: commonNameOid, value: names.commonName }]];
  const alternatives = { dnsNames: names.dnsNames, uris: names.uris, ipAddresses: [] };
  const certificate = signCertificate(
    {
      ...validity,
      serialNumber: randomSerialNumber(),
      issuer: ca.fields.subject,
      subject: encodeDistinguishedName(subject),
      publicKey: key.publicKey,
      extensions: [
        basicConstraintsExtension(false),
        ...keyUsageExtensions(usages, false),
        ...subjectAltNameExtension(alternatives, subject.length === 0),
        subjectKeyIdentifierExtension(key.publicKey),
        authorityKeyIdentifierExtension(ca.fields.publicKey, ca.fields.subjectKeyIdentifier),
      ],
    },
    ca.key,
  );
  return { ...validity, certificateChain: certificate + ca.chainPem };
}

function textOf(data: Readonly<Record<string, unknown>>, entry: string): string {
  const base64 = data[entry];
  if (typeof base64 !== 'string' || base64.length > maxCharacters) throw unusable(entry, 'an entry of usual size');
  return Buffer.from(base64, 'base64').toString('latin1');
}

/** The cause is left out: errors of OpenSSL and of the PEM reader may quote the input. */
function parsedAs<Result>(entry: string, expected: string, read: () => Result): Result {
  try {
    return read();
  } catch {
    throw unusable(entry, expected);
  }
}

function unusable(entry: string, expected: string): CertfleetError {
  return new CertfleetError('failed-precondition', `the entry ${entry} is unusable: expected ${expected}`);
}
