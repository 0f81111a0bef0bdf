import type { KeyObject } from 'node:crypto';
import type { IssuedCertificate } from '../crypto/certificate-chain.ts';
import { encodeKeystore } from '../crypto/pkcs12.ts';
import { encodePrivateKey } from '../crypto/private-key.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';

/** The files that a volume shows to its pod, by name. Without a CA from the issuer there is no CA file. */
export async function volumePayload(
  spec: VolumeSpec,
  key: KeyObject,
  { certificatePem, caPem }: Pick<IssuedCertificate, 'certificatePem' | 'caPem'>,
): Promise<ReadonlyMap<string, Buffer>> {
  const payload = new Map<string, Buffer>([
    [spec.files.certificate, Buffer.from(certificatePem)],
    [spec.files.privateKey, encodePrivateKey(key, spec.key.encoding)],
  ]);
  if (caPem !== '') payload.set(spec.files.ca, Buffer.from(caPem));
  if (spec.keystore !== undefined) {
    const { fileName, password, profile } = spec.keystore;
    payload.set(fileName, await encodeKeystore({ key, certificatePem, caPem, password, profile }));
  }
  return payload;
}
