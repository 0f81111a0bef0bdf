import { CertfleetError } from '@certfleet/shared/errors.ts';
import { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { inClusterCredentials } from '@certfleet/shared/kube/kube-credentials.ts';
import type { KubeCredentials } from '@certfleet/shared/kube/kube-credentials.ts';
import type { CertificateSource, CertificateSourceOptions, PodRef } from './certificate-source.ts';
import { CertManagerIssuer } from './issuance/cert-manager-issuer.ts';
import { awaitGates } from './issuance/gate-waiter.ts';
import { EventRecorder } from './kube/event-recorder.ts';
import { NodeReadiness } from './kube/node-readiness.ts';
import { getPod } from './kube/pod.ts';
import type { PodState } from './kube/pod.ts';
import { PodWatch } from './kube/pod-watch.ts';

/** cert-manager in the cluster, through the Kubernetes API. */
export async function openClusterSource(options: CertificateSourceOptions): Promise<CertificateSource> {
  const { config, clock, log, metrics, activeMounts } = options;
  const client = new KubeClient({
    credentials: await credentials(options),
    clock,
    qps: config['kube-api-qps'],
    burst: config['kube-api-burst'],
    onResponse: (verb, resource, code) => metrics.apiRequestEnded(verb, resource, String(code)),
  });
  const issuer = new CertManagerIssuer({
    client,
    clock,
    nodeId: config['node-id'],
    onWatchError: (error) => log.warn({ error: error.message }, 'watch of certificate requests interrupted'),
  });
  const events = new EventRecorder({
    client,
    clock,
    nodeName: config['node-id'],
    mountsIdle: (maxMs, signal) => activeMounts.idle(maxMs, signal),
    onDropped: () => metrics.eventDropped(),
  });
  const readPod = (pod: PodRef, signal: AbortSignal): Promise<PodState | undefined> => getPod(client, pod, signal);
  const gating = {
    gates: config['pod-readiness-gate'],
    getPod: (namespace: string, name: string, signal: AbortSignal) => readPod({ namespace, name }, signal),
    backoff: {
      initialMs: config['gate-backoff-duration'],
      factor: config['gate-backoff-factor'],
      jitter: config['gate-backoff-jitter'],
      capMs: config['gate-backoff-cap'],
    },
    clock,
  };
  const podWatch = new PodWatch({ client, clock, nodeName: config['node-id'] });
  const nodeReadiness = openNodeReadiness(options, client);
  issuer.start();
  return {
    issuer,
    recordEvent: (pod, event) =>
      events.record({ ...event, pod: { name: pod.name, namespace: pod.namespace, uid: pod.uid } }),
    awaitGates: (pod, signal) => awaitGates(gating, pod, signal),
    getPod: readPod,
    client,
    podWatch,
    nodeReadiness,
    ready: issuer.ready,
    stop: async () => {
      await podWatch.stop();
      await nodeReadiness?.stop();
      await issuer.stop();
      await events.stop();
      client.stop();
    },
  };
}

function openNodeReadiness(
  { config, clock, log }: CertificateSourceOptions,
  client: KubeClient,
): NodeReadiness | undefined {
  const { 'node-id': nodeName, 'startup-taint': taintKey, 'ready-node-label': label } = config;
  if (taintKey === undefined && label === undefined) return undefined;
  return new NodeReadiness({ client, nodeName, taintKey, label, clock, log });
}

/** Credentials of a kubeconfig, or of the pod; the package that reads kubeconfigs is loaded only if needed. */
async function credentials({ config, env, clock }: CertificateSourceOptions): Promise<KubeCredentials> {
  if (config.kubeconfig !== undefined) {
    const { kubeconfigCredentials } = await import('@certfleet/shared/kube/kubeconfig-credentials.ts');
    return kubeconfigCredentials(config.kubeconfig, clock);
  }
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (host === undefined || port === undefined) {
    throw new CertfleetError('invalid-argument', 'expected --kubeconfig or a pod in a cluster, found neither');
  }
  return inClusterCredentials({ host, port }, clock);
}
