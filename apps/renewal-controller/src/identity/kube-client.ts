import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { inClusterCredentials } from '@certfleet/shared/kube/kube-credentials.ts';
import type { KubeCredentials } from '@certfleet/shared/kube/kube-credentials.ts';

export interface KubeAccessOptions {
  readonly kubeconfig: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/** Opens a client from a kubeconfig or the pod's own credentials; undefined if there are neither. */
export async function openKubeClient({ kubeconfig, env, clock }: KubeAccessOptions): Promise<KubeClient | undefined> {
  const credentials = await findCredentials({ kubeconfig, env, clock });
  return credentials === undefined
    ? undefined
    : new KubeClient({ credentials, clock, userAgent: 'certfleet-controller' });
}

/** @throws CertfleetError invalid-argument if there is no client */
export function requireKube<Client>(client: Client | undefined, forWhat: string): Client {
  if (client !== undefined) return client;
  throw new CertfleetError(
    'invalid-argument',
    `${forWhat}: no Kubernetes API server is configured; set --kubeconfig or run in a cluster`,
  );
}

async function findCredentials({ kubeconfig, env, clock }: KubeAccessOptions): Promise<KubeCredentials | undefined> {
  if (kubeconfig !== undefined) {
    const { kubeconfigCredentials } = await import('@certfleet/shared/kube/kubeconfig-credentials.ts');
    return kubeconfigCredentials(kubeconfig, clock);
  }
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  return host === undefined || port === undefined ? undefined : inClusterCredentials({ host, port }, clock);
}
