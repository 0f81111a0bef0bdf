import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecureContextOptions } from 'node:tls';

import type { Clock } from '../clock.ts';
import { CertfleetError } from '../errors.ts';

/** TLS parameters: the trusted CA, the client certificate, the expected name. */
export type KubeTls = Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'pfx' | 'passphrase'> & {
  readonly rejectUnauthorized?: boolean;
  readonly servername?: string;
};

/** The current parameters of a connection to the API server. The same object is returned while nothing changes. */
export interface KubeAccess {
  /** `https://host:port`, with a path when the API server is behind one. */
  readonly server: string;
  /** An authorization header or an impersonation; secret. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: KubeTls;
  readonly proxyUrl?: string;
}

/** The agent's identity for the API server, updated as tokens and certificates rotate. */
export interface KubeCredentials {
  access(): Promise<KubeAccess>;
  /** Makes the next call read everything again, because the API server refused the current credentials. */
  invalidate(): void;
}

/** The kubelet replaces a projected token at 80 % of its lifetime, so a minute of delay is safe. */
const refreshMs = 60_000;

/** Caches the result of `read` for a minute; concurrent callers share one read. */
export function refreshedCredentials(read: () => Promise<KubeAccess>, clock: Clock): KubeCredentials {
  let current: KubeAccess | undefined;
  /** Monotonic: if the wall clock jumped ahead and back, a token or CA would be kept for the length of the jump. */
  let expiresAtMs = -Infinity;
  let pending: Promise<KubeAccess> | undefined;

  const refresh = async (): Promise<KubeAccess> => {
    try {
      const next = await read();
      if (current === undefined || !sameAccess(current, next)) current = next;
      expiresAtMs = clock.monotonic() + refreshMs;
      return current;
    } finally {
      pending = undefined;
    }
  };
  return {
    access: () =>
      current !== undefined && clock.monotonic() < expiresAtMs ? Promise.resolve(current) : (pending ??= refresh()),
    invalidate: () => {
      expiresAtMs = -Infinity;
    },
  };
}

function sameAccess(a: KubeAccess, b: KubeAccess): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The location of the API server and of the pod's ServiceAccount. */
export interface InClusterOptions {
  /** KUBERNETES_SERVICE_HOST. */
  readonly host: string;
  /** KUBERNETES_SERVICE_PORT. */
  readonly port: string;
  /** The directory with `token` and `ca.crt`. */
  readonly directory?: string;
}

/**
 * The pod's own ServiceAccount, read without @kubernetes/client-node: every agent of a fleet uses it, and the package
 * costs 7 to 10 MB of memory.
 */
export function inClusterCredentials(options: InClusterOptions, clock: Clock): KubeCredentials {
  const directory = options.directory ?? '/var/run/secrets/kubernetes.io/serviceaccount';
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return refreshedCredentials(async () => {
    const [token, ca] = await Promise.all([readText(join(directory, 'token')), readText(join(directory, 'ca.crt'))]);
    return {
      server: `https://${host}:${options.port}`,
      headers: { authorization: `Bearer ${token.trim()}` },
      tls: { ca },
    };
  }, clock);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new CertfleetError('unauthenticated', `could not read the ServiceAccount's file ${path}`, {
      retryable: true,
      cause,
    });
  }
}
