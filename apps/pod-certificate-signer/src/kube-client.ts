import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { inClusterCredentials } from '@certfleet/shared/kube/kube-credentials.ts';
import type { KubeCredentials } from '@certfleet/shared/kube/kube-credentials.ts';

export interface SignerAccess {
  readonly kubeconfig: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/**
 * Opens a client from a kubeconfig or the pod's own credentials.
 * @throws CertfleetError invalid-argument if there are neither
 */
export async function openKubeClient(access: SignerAccess): Promise<KubeClient> {
  return new KubeClient({
    credentials: await findCredentials(access),
    clock: access.clock,
    maxInFlight: 32,
    userAgent: 'certfleet-signer',
  });
}

async function findCredentials({ kubeconfig, env, clock }: SignerAccess): Promise<KubeCredentials> {
  if (kubeconfig !== undefined) {
    const { kubeconfigCredentials } = await import('@certfleet/shared/kube/kubeconfig-credentials.ts');
    return kubeconfigCredentials(kubeconfig, clock);
  }
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (host === undefined || port === undefined)
    throw new CertfleetError('invalid-argument', 'no API server: set --kubeconfig or run in a cluster');
  return inClusterCredentials({ host, port }, clock);
}
