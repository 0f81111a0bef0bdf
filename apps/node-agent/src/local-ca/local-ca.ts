import { createPublicKey, randomBytes, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import {
  authorityKeyIdentifierExtension,
  randomSerialNumber,
  signCertificate,
  subjectKeyIdentifierExtension,
} from '@certfleet/shared/x509/certificate-builder.ts';
import { encodeDistinguishedName } from '@certfleet/shared/x509/distinguished-name.ts';
import { readIssuerFields } from '@certfleet/shared/x509/issuer-fields.ts';
import { encodePem, parsePem } from '@certfleet/shared/x509/pem.ts';
import { decodePrivateKey, encodePrivateKey, generatePrivateKey } from '../crypto/private-key.ts';
import { basicConstraintsExtension, keyUsageExtensions } from '@certfleet/shared/x509/x509-extensions.ts';

/** The CA of a single machine. */
export interface LocalCa {
  readonly key: KeyObject;
  readonly certificatePem: string;
  /** The subject in DER, used as issuer in certificates. */
  readonly name: Buffer;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Buffer;
  readonly notAfter: Date;
}

/** Key and certificate in one file, so that it contains both or does not exist. */
const fileName = 'local-ca.pem';
const lifetimeMs = 10 * 365 * 24 * 3_600_000;

/**
 * Opens the CA in that directory (0700, its file 0600); the first call creates it. Two processes that open a new
 * directory at the same time get the same CA.
 * @throws CertfleetError failed-precondition if the file exists but contains no currently valid CA
 */
export async function openLocalCa(directory: string, now: Date): Promise<LocalCa> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  const path = join(directory, fileName);
  const text = (await readIfPresent(path)) ?? (await createOnce(path, await makeCa(now)));
  return readValidCa(path, text, now);
}

/**
 * Reads the CA in that directory, which somebody may have replaced.
 * @throws CertfleetError as `openLocalCa`, also if there is none
 */
export async function readLocalCa(directory: string, now: Date): Promise<LocalCa> {
  const path = join(directory, fileName);
  return readValidCa(path, (await readIfPresent(path)) ?? '', now);
}

function readValidCa(path: string, text: string, now: Date): LocalCa {
  try {
    return readCa(text, now);
  } catch (error) {
    throw new CertfleetError(
      'failed-precondition',
      `expected a valid CA key and certificate in ${path}, found none; remove the file to create a new CA`,
      { cause: error },
    );
  }
}

async function makeCa(now: Date): Promise<string> {
  const key = await generatePrivateKey({ algorithm: 'ECDSA', size: 256 });
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const name = encodeDistinguishedName([[{ oid: '2.5.4.3', value: 'certfleet local CA' }]]);
  const template = {
    serialNumber: randomSerialNumber(),
    issuer: name,
    subject: name,
    notBefore: now,
    notAfter: new Date(now.getTime() + lifetimeMs),
    publicKey,
    extensions: [
      basicConstraintsExtension(true),
      ...keyUsageExtensions(['digital signature', 'crl sign'], true),
      subjectKeyIdentifierExtension(publicKey),
      authorityKeyIdentifierExtension(publicKey),
    ],
  };
  return encodePrivateKey(key, 'PKCS8').toString('latin1') + signCertificate(template, key);
}

function readCa(text: string, now: Date): LocalCa {
  const certificateBlock = parsePem(text).find(({ label }) => label === 'CERTIFICATE');
  const certificate = new X509Certificate(certificateBlock?.der ?? '');
  const key = decodePrivateKey(text);
  const { subject, publicKey } = readIssuerFields(certificate.raw);
  if (!certificate.ca || !certificate.checkPrivateKey(key)) {
    throw new CertfleetError('failed-precondition', 'expected a CA certificate and its key');
  }
  const { validToDate: notAfter } = certificate;
  if (notAfter <= now) throw new CertfleetError('failed-precondition', `the CA expired at ${notAfter.toISOString()}`);
  return {
    key,
    certificatePem: encodePem('CERTIFICATE', certificate.raw),
    name: subject,
    publicKey,
    notAfter,
  };
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Creates the file unless another process was faster, and returns its content. */
async function createOnce(path: string, text: string): Promise<string> {
  const temporary = `${path}.${randomBytes(8).toString('hex')}`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(text, 'latin1');
    await file.sync();
    // link fails if the file exists; rename would replace a CA that is already in use.
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await file.close();
    await unlink(temporary);
  }
  return readFile(path, 'latin1');
}
