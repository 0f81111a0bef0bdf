import type { KeyObject } from 'node:crypto';
import type { Secret } from '@certfleet/shared/secret.ts';
import type { IssuedCertificate } from '../crypto/certificate-chain.ts';
import { encodeJksKeystore, encodeJksTruststore } from '../crypto/jks.ts';
import { encodePkcs12Keystore, encodePkcs12Truststore } from '../crypto/pkcs12.ts';
import { encodePrivateKey } from '../crypto/private-key.ts';
import type { JksSpec, Pkcs12Spec, StoreFormat, StoreSpec, VolumeSpec } from '../spec/volume-spec.ts';

/** A key and the certificate issued for it. */
export interface KeyWithCertificate {
  readonly key: KeyObject;
  readonly certificate: Pick<IssuedCertificate, 'certificatePem' | 'caPem'>;
}

/** What the stores of a volume need in addition. */
export interface StoreContext {
  /** The password of a format; called only if the volume has a store of it. */
  readonly passwordOf: (format: StoreFormat) => Secret;
  readonly now: Date;
}

/** The content of a volume's stores of one format. */
interface StoreContent extends KeyWithCertificate {
  readonly password: Secret;
  readonly now: Date;
}

/**
 * The files of a volume by name. The names are always the same, so that a renewal never removes a file. Without a CA
 * the CA file is empty, as csi-driver writes it, and so are the truststores.
 */
export async function volumePayload(
  spec: VolumeSpec,
  issued: KeyWithCertificate,
  { passwordOf, now }: StoreContext,
): Promise<ReadonlyMap<string, Buffer>> {
  const { files, pkcs12, jks } = spec;
  const certificate = Buffer.from(issued.certificate.certificatePem);
  const privateKey = encodePrivateKey(issued.key, spec.key.encoding);
  const payload = new Map([
    [files.certificate, certificate],
    [files.privateKey, privateKey],
    [files.ca, Buffer.from(issued.certificate.caPem)],
  ]);
  if (files.combinedPem !== undefined) payload.set(files.combinedPem, Buffer.concat([privateKey, certificate]));
  const stores = [
    ...(pkcs12 === undefined ? [] : await pkcs12Files(pkcs12, { ...issued, password: passwordOf('pkcs12'), now })),
    ...(jks === undefined ? [] : jksFiles(jks, { ...issued, password: passwordOf('jks'), now })),
  ];
  for (const [name, content] of stores) payload.set(name, content);
  return payload;
}

type File = readonly [name: string, content: Buffer];

async function pkcs12Files(spec: Pkcs12Spec, content: StoreContent): Promise<readonly File[]> {
  const { key, certificate, password } = content;
  const { keystoreFile, truststoreFile, alias, profile } = spec;
  const files: File[] = passwordFiles(spec, password);
  if (keystoreFile !== undefined) {
    files.push([keystoreFile, await encodePkcs12Keystore({ key, ...certificate, password, profile, alias })]);
  }
  if (truststoreFile !== undefined) {
    files.push([truststoreFile, await encodePkcs12Truststore({ caPem: certificate.caPem, password, profile })]);
  }
  return files;
}

function jksFiles(spec: JksSpec, { key, certificate, password, now: createdAt }: StoreContent): readonly File[] {
  const { keystoreFile, truststoreFile, alias } = spec;
  const files: File[] = passwordFiles(spec, password);
  if (keystoreFile !== undefined) {
    files.push([keystoreFile, encodeJksKeystore({ key, ...certificate, password, alias, createdAt })]);
  }
  if (truststoreFile !== undefined) {
    files.push([truststoreFile, encodeJksTruststore({ caPem: certificate.caPem, password, createdAt })]);
  }
  return files;
}

function passwordFiles({ passwordFile }: StoreSpec, password: Secret): File[] {
  return passwordFile === undefined ? [] : [[passwordFile, Buffer.from(password.reveal())]];
}
