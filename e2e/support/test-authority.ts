import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Paths of a certificate and its key, PEM. */
export interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

// openssl's default section would make every certificate a CA.
const opensslConfig = `
[req]
distinguished_name = subject
[subject]
[ca]
basicConstraints = critical, CA:TRUE
[leaf]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth, clientAuth
`;

/** A test's certificate authority in a directory. */
export class TestAuthority {
  readonly files: CertificateFiles;
  readonly #directory: string;
  readonly #name: string;

  constructor(directory: string, name = 'ca') {
    this.#directory = directory;
    this.#name = name;
    writeFileSync(join(directory, 'openssl.cnf'), opensslConfig);
    this.files = this.#make(name, ['-extensions', 'ca']);
  }

  /** Signs a certificate for servers and clients; `names` in openssl's notation, such as `IP:127.0.0.1`. */
  issue(file: string, names: string): CertificateFiles {
    const { certificateFile, keyFile } = this.files;
    const signer = ['-extensions', 'leaf', '-CA', certificateFile, '-CAkey', keyFile];
    return this.#make(file, [...signer, '-addext', `subjectAltName=${names}`]);
  }

  #make(file: string, args: readonly string[]): CertificateFiles {
    const [certificateFile, keyFile] = [join(this.#directory, `${file}.crt`), join(this.#directory, `${file}.key`)];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', keyFile];
    const request = ['req', '-x509', '-config', join(this.#directory, 'openssl.cnf'), '-days', '2'];
    execFileSync(
      'openssl',
      [...request, '-subj', `/CN=${this.#name}-${file}`, ...key, '-out', certificateFile, ...args],
      {
        stdio: 'ignore',
      },
    );
    return { certificateFile, keyFile };
  }
}
