import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { AgentConfig } from './config.ts';
import { CertManagerIssuer } from './issuance/cert-manager-issuer.ts';
import type { CertificateIssuer } from './issuance/certificate-issuer.ts';
import { awaitGates } from './issuance/gate-waiter.ts';
import { LocalCaIssuer } from './issuance/local-ca-issuer.ts';
import { openLocalCa } from './issuance/local-ca.ts';
import { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { EventRecorder } from './kube/event-recorder.ts';
import { inClusterCredentials } from '@certfleet/shared/kube/kube-credentials.ts';
import type { KubeCredentials } from '@certfleet/shared/kube/kube-credentials.ts';
import { getPod } from './kube/pod.ts';
import type { PodState } from './kube/pod.ts';
import type { AgentMetrics } from './observability/agent-metrics.ts';
import type { PodIdentity } from './spec/volume-spec.ts';
import type { RecordPodEvent } from './volume/volume-reporter.ts';
import type { ActiveMounts } from './volume/active-mounts.ts';

type PodRef = Pick<PodIdentity, 'namespace' | 'name'>;

/** The parts that differ between a cluster and a single machine. */
export interface CertificateSource {
  readonly issuer: CertificateIssuer;
  readonly recordEvent: RecordPodEvent;
  readonly awaitGates: (pod: PodIdentity, signal: AbortSignal) => Promise<void>;
  /** Reads a pod from the API server; undefined without a cluster. */
  readonly getPod: ((pod: PodRef, signal: AbortSignal) => Promise<PodState | undefined>) | undefined;
  /** Resolves once certificates can be requested. */
  readonly ready: Promise<void>;
  stop(): Promise<void>;
}

export interface CertificateSourceOptions {
  readonly config: AgentConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: AgentMetrics;
  /** Events wait until it is idle. */
  readonly activeMounts: ActiveMounts;
}

/** Opens the configured source: a local CA, or cert-manager in the cluster. */
export function openCertificateSource(options: CertificateSourceOptions): Promise<CertificateSource> {
  const directory = options.config['local-ca'];
  return directory === undefined ? clusterSource(options) : localSource(options, directory);
}

async function localSource({ clock }: CertificateSourceOptions, directory: string): Promise<CertificateSource> {
  const issuer = new LocalCaIssuer(await openLocalCa(directory, new Date(clock.now())), clock);
  return {
    issuer,
    // Without a cluster there is no API server for Events, and no pod with readiness gates.
    recordEvent: () => undefined,
    awaitGates: () => Promise.resolve(),
    getPod: undefined,
    ready: Promise.resolve(),
    stop: () => issuer.stop(),
  };
}

async function clusterSource(options: CertificateSourceOptions): Promise<CertificateSource> {
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
  issuer.start();
  return {
    issuer,
    recordEvent: (pod, event) =>
      events.record({ ...event, pod: { name: pod.name, namespace: pod.namespace, uid: pod.uid } }),
    awaitGates: (pod, signal) => awaitGates(gating, pod, signal),
    getPod: readPod,
    ready: issuer.ready,
    stop: async () => {
      await issuer.stop();
      await events.stop();
      client.stop();
    },
  };
}

/** Credentials of a kubeconfig, or of the pod; the package that reads kubeconfigs is loaded only if needed. */
async function credentials({ config, env, clock }: CertificateSourceOptions): Promise<KubeCredentials> {
  if (config.kubeconfig !== undefined) {
    const { kubeconfigCredentials } = await import('@certfleet/shared/kube/kubeconfig-credentials.ts');
    return kubeconfigCredentials(config.kubeconfig, clock);
  }
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (host === undefined || port === undefined) {
    throw new CertfleetError(
      'invalid-argument',
      'expected --kubeconfig, --local-ca, or a pod in a cluster, found none of them',
    );
  }
  return inClusterCredentials({ host, port }, clock);
}
