import { readFileSync } from 'node:fs';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ApiClientOptions } from './api-client.ts';
import { isPlugin } from './cli-options.ts';
import type { CliOptions } from './cli-options.ts';

type Given = (flag: string, variable?: string) => string | undefined;

/** Flags that name a controller in a cluster. */
const clusterFlags = ['kubeconfig', 'context', 'controller', 'service-account'] as const;

/**
 * How to reach the controller: at the address of --server, or through the API server of a cluster.
 * @throws CertfleetError if the flags contradict each other, or as `controllerInCluster` does
 */
export async function accessOf(
  program: string,
  { flags }: Pick<CliOptions, 'flags'>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ApiClientOptions> {
  const given: Given = (flag, variable) => {
    const value = flags[flag] ?? (variable === undefined ? undefined : env[variable]);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const tokenFile = given('token-file', 'CERTFLEET_TOKEN_FILE');
  const caFile = given('ca-file', 'CERTFLEET_CA_FILE');
  const own = {
    // Never a flag: command lines are visible to other processes.
    token: tokenFile === undefined ? env['CERTFLEET_TOKEN'] : readFileSync(tokenFile, 'utf8').trim(),
    ca: caFile === undefined ? undefined : readFileSync(caFile, 'utf8'),
    serverName: given('server-name', 'CERTFLEET_SERVER_NAME'),
  };
  const server = given('server', 'CERTFLEET_SERVER');
  const cluster = clusterFlags.filter((flag) => given(flag) !== undefined);
  if (given('server') !== undefined && cluster.length > 0) {
    const message = `--server and --${cluster.join(', --')} exclude each other: one names an address, the other a cluster`;
    throw new CertfleetError('invalid-argument', message);
  }
  const isInCluster = cluster.length > 0 || (server === undefined && isPlugin(program));
  if (!isInCluster) return { server: server ?? 'https://127.0.0.1:8080', ...own };
  return await accessInCluster(given, own, env);
}

async function accessInCluster(
  given: Given,
  { token, ca, serverName }: Pick<ApiClientOptions, 'token' | 'ca' | 'serverName'>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ApiClientOptions> {
  // The client of Kubernetes is large, and most calls in a container do not need it.
  const { controllerInCluster } = await import('./cluster-access.ts');
  const serviceAccount = given('service-account', token === undefined ? 'CERTFLEET_SERVICE_ACCOUNT' : undefined);
  const found = await controllerInCluster({
    kubeconfig: given('kubeconfig'),
    context: given('context'),
    env,
    controller: given('controller', 'CERTFLEET_CONTROLLER'),
    serviceAccount,
    ca,
  });
  return { ...found, token: found.token ?? token, serverName };
}
