import { createPrivateKey, X509Certificate } from 'node:crypto';
import { closeSync, constants, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The files of a volume at one moment. */
export interface VolumeFiles {
  readonly certificate: X509Certificate;
  /** PEM, so that tests can compare it directly. */
  readonly keyPem: string;
  readonly names: readonly string[];
}

/**
 * Reads the files of one payload as a careful pod does: through `..data`, opened once. It starts again if a renewal
 * removes the directory.
 * @throws Error when the key does not match the certificate, or the CA did not sign it
 */
export function readVolume(directory: string): VolumeFiles {
  for (let tries = 0; ; tries++) {
    const descriptor = openSync(join(directory, '..data'), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      return readSet(`/proc/self/fd/${descriptor}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries > 10) throw error;
    } finally {
      closeSync(descriptor);
    }
  }
}

function readSet(path: string): VolumeFiles {
  const read = (name: string): string => readFileSync(join(path, name), 'utf8');
  const [certificatePem, keyPem, caPem] = [read('tls.crt'), read('tls.key'), read('ca.crt')];
  const certificate = new X509Certificate(certificatePem);
  if (!certificate.checkPrivateKey(createPrivateKey(keyPem))) throw new Error('the key does not match the certificate');
  if (!certificate.verify(new X509Certificate(caPem).publicKey)) throw new Error('the CA did not sign the certificate');
  return { certificate, keyPem, names: readdirSync(path).sort() };
}
