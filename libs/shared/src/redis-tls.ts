import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { SecureContext } from 'node:tls';

/** A client certificate as files: PEM chain and key. */
export interface ClientCertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface RedisTlsParts {
  /** PEM of the trusted CAs; without it, Node's default roots apply. Called for each connection. */
  readonly ca: () => string | undefined;
  /** The expected name in the server's certificate when it differs from the host's. */
  readonly serverName: string | undefined;
  readonly certificate: ClientCertificateFiles | undefined;
}

/** Options of `tls.connect`, which ioredis copies for each connection. */
export interface RedisTls {
  readonly servername?: string;
  readonly secureContext: SecureContext;
}

/**
 * TLS to a Redis. The files are read for each connection, because certificates are renewed during a client's lifetime.
 * While files cannot be used (they are being replaced), the last usable ones stay.
 * @throws Error of the file system or of OpenSSL when the first read fails
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
        // If the last usable certificate is rejected, the connection fails.
      }
      return last;
    },
  };
}
