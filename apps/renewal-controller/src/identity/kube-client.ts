import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { inClusterCredentials } from '@certfleet/shared/kube/kube-credentials.ts';
import type { KubeCredentials } from '@certfleet/shared/kube/kube-credentials.ts';

/** Where the API server is named. */
export interface KubeAccessOptions {
  readonly kubeconfig: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/** A client of the API server by a kubeconfig, or as the pod that this is; undefined when this is neither. */
export async function openKubeClient({ kubeconfig, env, clock }: KubeAccessOptions): Promise<KubeClient | undefined> {
  const credentials = await findCredentials({ kubeconfig, env, clock });
  return credentials === undefined
    ? undefined
    : new KubeClient({ credentials, clock, userAgent: 'certfleet-controller' });
}

/** @throws CertfleetError invalid-argument when what is to be reviewed cannot be, for want of an API server */
export function requireKube(client: KubeClient | undefined, forWhat: string): KubeClient {
  if (client !== undefined) return client;
  throw new CertfleetError(
    'invalid-argument',
    `${forWhat}: expected --kubeconfig or a pod of a cluster, found neither`,
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
