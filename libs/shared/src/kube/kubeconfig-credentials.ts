import type { RequestOptions } from 'node:https';

import type { Clock } from '../clock.ts';
import { CertfleetError } from '../errors.ts';
import { KubeConfig } from '@kubernetes/client-node';

import { refreshedCredentials } from './kube-credentials.ts';
import type { KubeAccess, KubeCredentials } from './kube-credentials.ts';

/**
 * A kubeconfig file's current context: client certificates, tokens, token files, exec plugins, OIDC, as
 * @kubernetes/client-node knows them. Import this module only when there is such a file: the package costs memory.
 * @throws CertfleetError invalid-argument when the file names no usable cluster
 */
export function kubeconfigCredentials(path: string, clock: Clock): KubeCredentials {
  // The file is loaded again at each reading, so that a rewritten one is followed; one KubeConfig at a time, because
  // it is what remembers the exec plugin's token until that expires.
  let config = load(path);
  return refreshedCredentials(async () => {
    const next = load(path);
    if (next.exportConfig() !== config.exportConfig()) config = next;
    return access(config, path);
  }, clock);
}

function load(path: string): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromFile(path);
  } catch (thrown) {
    // A YAML error quotes the lines around it, which may hold a key: only the system's error code is told.
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'not a kubeconfig';
    throw new CertfleetError('invalid-argument', `expected a kubeconfig at ${path}, could not load it: ${code}`);
  }
  if (config.getCurrentCluster() === null) {
    throw new CertfleetError('invalid-argument', `expected a current context with a cluster in the kubeconfig ${path}`);
  }
  return config;
}

async function access(config: KubeConfig, path: string): Promise<KubeAccess> {
  const cluster = config.getCurrentCluster();
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message.trim().slice(0, 300) : 'unknown';
    throw new CertfleetError('unauthenticated', `expected credentials from the kubeconfig ${path}, found: ${why}`, {
      retryable: true,
    });
  }
  const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername, auth } = options;
  const tls = { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername };
  const headers = Object.entries((options.headers ?? {}) as Record<string, unknown>)
    .filter((entry): entry is [string, string] => typeof entry[1] === 'string')
    .map(([name, value]) => [name.toLowerCase(), value.trim()]);
  if (typeof auth === 'string') headers.push(['authorization', `Basic ${Buffer.from(auth).toString('base64')}`]);
  return {
    server: (cluster?.server ?? '').replace(/\/+$/, ''),
    headers: Object.fromEntries(headers) as Record<string, string>,
    tls: Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)),
    ...(cluster?.proxyUrl === undefined ? {} : { proxyUrl: cluster.proxyUrl }),
  };
}
