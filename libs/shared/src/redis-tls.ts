import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { SecureContext } from 'node:tls';

/** A client certificate as files: PEM chain and key. */
export interface ClientCertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** What TLS to a Redis is made of. */
export interface RedisTlsParts {
  /** PEM of the trusted CAs; without it the roots that Node trusts. Called for each connection. */
  readonly ca: () => string | undefined;
  /** The name that the server's certificate must hold when it is not the host's. */
  readonly serverName: string | undefined;
  readonly certificate: ClientCertificateFiles | undefined;
}

/** Options of `tls.connect`, which ioredis copies at each connection that it makes. */
export interface RedisTls {
  readonly servername?: string;
  readonly secureContext: SecureContext;
}

/**
 * TLS to a Redis. The files are read again for each connection: certificates are renewed while clients live for months.
 * What cannot be used (it is being replaced) does not take the place of what could.
 * @throws Error of the file system or of OpenSSL when there is nothing usable at first
 */
export function redisTls({ ca, serverName, certificate }: RedisTlsParts): RedisTls {
  const read = (): SecureContext =>
    createSecureContext({
      ca: ca(),
      ...(certificate && { cert: readFileSync(certificate.certificateFile), key: readFileSync(certificate.keyFile) }),
    });
  let last = read();
  return {
    ...(serverName !== undefined && { servername: serverName }),
    get secureContext() {
      try {
        last = read();
      } catch {
        // The connection tells when the last usable one is refused.
      }
      return last;
    },
  };
}
