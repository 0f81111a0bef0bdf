import type { Clock } from '@certfleet/shared/clock.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { AgentConfig } from './config.ts';
import type { CertificateIssuer } from './issuance/certificate-issuer.ts';
import type { PodState } from './kube/pod.ts';
import type { AgentMetrics } from './observability/agent-metrics.ts';
import type { PodIdentity } from './spec/volume-spec.ts';
import type { PodAddressWatch } from './volume/pod-address-follower.ts';
import type { RecordPodEvent } from './volume/volume-reporter.ts';
import type { ActiveMounts } from './volume/active-mounts.ts';

export type PodRef = Pick<PodIdentity, 'namespace' | 'name'>;

/** The parts that differ between a cluster and a single machine. */
export interface CertificateSource {
  readonly issuer: CertificateIssuer;
  readonly recordEvent: RecordPodEvent;
  readonly awaitGates: (pod: PodIdentity, signal: AbortSignal) => Promise<void>;
  /** Reads a pod from the API server; undefined without a cluster. */
  readonly getPod: ((pod: PodRef, signal: AbortSignal) => Promise<PodState | undefined>) | undefined;
  /** The API server; undefined without a cluster. */
  readonly client: Pick<KubeClient, 'request' | 'watch'> | undefined;
  /** Directory of the CARotations of a controller on this machine; undefined: they are in the API server, if there is one. */
  readonly rotationsDirectory?: string | undefined;
  /** Follows the addresses of the node's pods; undefined without a cluster. */
  readonly podWatch: PodAddressWatch | undefined;
  /** Marks the node as ready at each registration with the kubelet; undefined if nothing is to be marked. */
  readonly nodeReadiness: { registered(): void } | undefined;
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

export type OpenCertificateSource = (options: CertificateSourceOptions) => Promise<CertificateSource>;
