import type { RequestOptions } from 'node:https';

import type { Clock } from '../clock.ts';
import { CertfleetError } from '../errors.ts';
import { KubeConfig } from '@kubernetes/client-node';

import { refreshedCredentials } from './kube-credentials.ts';
import type { KubeAccess, KubeCredentials } from './kube-credentials.ts';

/**
 * The current context of a kubeconfig file: client certificates, tokens, token files, exec plugins and OIDC, as
 * supported by @kubernetes/client-node. Import this module only when such a file is used: the package costs memory.
 * @throws CertfleetError invalid-argument when the file names no usable cluster
 */
export function kubeconfigCredentials(path: string, clock: Clock): KubeCredentials {
  // Each read loads the file again to follow changes. One KubeConfig is kept at a time, because it caches the exec
  // plugin's token.
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
    // A YAML error quotes the lines around it, which may contain a key: report only the system's error code.
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'not a kubeconfig';
    throw new CertfleetError('invalid-argument', `could not load the kubeconfig ${path}: ${code}`);
  }
  if (config.getCurrentCluster() === null) {
    throw new CertfleetError('invalid-argument', `the kubeconfig ${path} has no current context with a cluster`);
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
    throw new CertfleetError('unauthenticated', `could not get credentials from the kubeconfig ${path}: ${why}`, {
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
