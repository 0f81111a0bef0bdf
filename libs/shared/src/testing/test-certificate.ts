import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** PEM files of a self-signed certificate for localhost and its key. */
export interface TestCertificate {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** Writes a new certificate; an existing one in the directory is overwritten. */
export function writeTestCertificate(directory: string): TestCertificate {
  const certificateFile = join(directory, 'tls.crt');
  const keyFile = join(directory, 'tls.key');
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1';
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  execFileSync(
    'openssl',
    [...request, '-subj', '/CN=certfleet test', '-addext', names, '-keyout', keyFile, '-out', certificateFile],
    { stdio: 'ignore' },
  );
  return { certificateFile, keyFile };
}
