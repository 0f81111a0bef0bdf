import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecureContextOptions } from 'node:tls';

import type { Clock } from '../clock.ts';
import { CertfleetError } from '../errors.ts';

/** How to make TLS connections: the trusted CA, the client certificate, the name to expect. */
export type KubeTls = Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'pfx' | 'passphrase'> & {
  readonly rejectUnauthorized?: boolean;
  readonly servername?: string;
};

/** What a connection to the API server needs at this moment. The same object comes again while nothing changed. */
export interface KubeAccess {
  /** `https://host:port`, and a path when the API server stands behind one. */
  readonly server: string;
  /** An authorization header or an impersonation; secret. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: KubeTls;
  readonly proxyUrl?: string;
}

/** Who the agent is to the API server, followed as tokens and certificates rotate. */
export interface KubeCredentials {
  access(): Promise<KubeAccess>;
  /** Reads everything again at the next call: the API server refused what there is. */
  invalidate(): void;
}

/** The kubelet replaces a projected token at 80 % of its life: a minute of delay is far within the rest. */
const refreshMs = 60_000;

/** Credentials that `read` gives, read again once a minute; concurrent callers share one reading. */
export function refreshedCredentials(read: () => Promise<KubeAccess>, clock: Clock): KubeCredentials {
  let current: KubeAccess | undefined;
  /** Monotonic: a wall clock that jumps ahead and back would keep a token or CA for as long as it jumped. */
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

/** Where a pod finds the API server and its ServiceAccount. */
export interface InClusterOptions {
  /** KUBERNETES_SERVICE_HOST. */
  readonly host: string;
  /** KUBERNETES_SERVICE_PORT. */
  readonly port: string;
  /** Folder with `token` and `ca.crt`. */
  readonly directory?: string;
}

/**
 * The pod's own ServiceAccount. It is read here, without @kubernetes/client-node, because this is how every agent of a
 * fleet runs and the package costs each of them 7 to 10 MB.
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
    throw new CertfleetError('unauthenticated', `expected a ServiceAccount's file at ${path}, could not read it`, {
      retryable: true,
      cause,
    });
  }
}
