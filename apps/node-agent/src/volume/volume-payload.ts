import type { KeyObject } from 'node:crypto';
import type { Secret } from '@certfleet/shared/secret.ts';
import type { IssuedCertificate } from '../crypto/certificate-chain.ts';
import { encodeKeystore } from '../crypto/pkcs12.ts';
import { encodePrivateKey } from '../crypto/private-key.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';

/** A key and the certificate issued for it. */
export interface KeyWithCertificate {
  readonly key: KeyObject;
  readonly certificate: Pick<IssuedCertificate, 'certificatePem' | 'caPem'>;
}

/**
 * The files of a volume by name. The names are always the same, so that a renewal never removes a file. Without a CA
 * the CA file is empty, as csi-driver writes it. `password` is called only if the volume has a keystore.
 */
export async function volumePayload(
  { files, keystore, key: { encoding } }: VolumeSpec,
  { key, certificate: { certificatePem, caPem } }: KeyWithCertificate,
  keystorePassword: () => Secret,
): Promise<ReadonlyMap<string, Buffer>> {
  const certificate = Buffer.from(certificatePem);
  const privateKey = encodePrivateKey(key, encoding);
  const payload = new Map([
    [files.certificate, certificate],
    [files.privateKey, privateKey],
    [files.ca, Buffer.from(caPem)],
  ]);
  if (files.combinedPem !== undefined) payload.set(files.combinedPem, Buffer.concat([privateKey, certificate]));
  if (keystore !== undefined) {
    const { fileName, passwordFile, profile } = keystore;
    const password = keystorePassword();
    payload.set(fileName, await encodeKeystore({ key, certificatePem, caPem, password, profile }));
    if (passwordFile !== undefined) payload.set(passwordFile, Buffer.from(password.reveal()));
  }
  return payload;
}
