import { createPrivateKey, X509Certificate } from 'node:crypto';
import { closeSync, constants, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The files of a volume at one moment. */
export interface VolumeFiles {
  readonly certificate: X509Certificate;
  /** PEM, so that tests can compare it directly. */
  readonly keyPem: string;
  readonly certificatePem: string;
  readonly caPem: string;
  readonly names: readonly string[];
}

/**
 * Reads the files of one payload as a careful pod does: through `..data`, opened once. It starts again if a renewal
 * removes the directory.
 * @param earlier the result of an earlier read; files that are equal to it are not verified again
 * @throws Error when the key does not match the certificate, or the CA did not sign it
 */
export function readVolume(directory: string, earlier?: VolumeFiles): VolumeFiles {
  for (let tries = 0; ; tries++) {
    const descriptor = openSync(join(directory, '..data'), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      return readSet(`/proc/self/fd/${descriptor}`, earlier);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries > 10) throw error;
    } finally {
      closeSync(descriptor);
    }
  }
}

function readSet(path: string, earlier: VolumeFiles | undefined): VolumeFiles {
  const read = (name: string): string => readFileSync(join(path, name), 'utf8');
  const [certificatePem, keyPem, caPem] = [read('tls.crt'), read('tls.key'), read('ca.crt')];
  const names = readdirSync(path).sort();
  if (earlier?.certificatePem === certificatePem && earlier.keyPem === keyPem && earlier.caPem === caPem)
    return { ...earlier, names };
  const certificate = new X509Certificate(certificatePem);
  if (!certificate.checkPrivateKey(createPrivateKey(keyPem))) throw new Error('the key does not match the certificate');
  if (!certificate.verify(new X509Certificate(caPem).publicKey)) throw new Error('the CA did not sign the certificate');
  return { certificate, certificatePem, keyPem, caPem, names };
}
