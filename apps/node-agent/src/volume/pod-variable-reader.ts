import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import { resolvePodVariables } from '../spec/pod-variable-values.ts';
import type { PodObject, ResolvedPodVariables } from '../spec/pod-variable-values.ts';
import type { PodIdentity, VolumeSpec } from '../spec/volume-spec.ts';
import { timeoutSignal } from './timeout-signal.ts';

export interface PodVariableReaderOptions {
  /** The cluster's DNS domain. */
  readonly clusterDomain: string;
  /** Reads a pod from the API server; undefined if it does not exist. */
  readonly getPod: (
    pod: PodIdentity,
    signal: AbortSignal,
  ) => Promise<(PodObject & { readonly uid: string }) | undefined>;
  readonly clock: Clock;
}

/** Finds the values of a new volume's variables in its pod's object. */
export type ReadPodVariables = (
  spec: Pick<VolumeSpec, 'pod' | 'podVariables'>,
  signal: AbortSignal,
) => Promise<ResolvedPodVariables>;

/** The kubelet retries the publish, so that a slow API server does not block the volume for long. */
const readTimeoutMs = 10_000;

/** @throws CertfleetError as KubeClient.request does; not-found if the pod is gone or another has its name */
export function podVariableReader({ clusterDomain, getPod, clock }: PodVariableReaderOptions): ReadPodVariables {
  return async ({ pod, podVariables }, abandoned) => {
    using limit = timeoutSignal(clock, readTimeoutMs, [abandoned]);
    const seen = await getPod(pod, limit.signal).catch((thrown: unknown) => {
      throw unreadable(pod, asCertfleetError(thrown));
    });
    if (seen?.uid !== pod.uid) {
      const found = seen === undefined ? 'none' : `uid ${seen.uid}`;
      const message = `expected pod ${pod.namespace}/${pod.name} with uid ${pod.uid} to read its variables, found ${found}`;
      throw new CertfleetError('not-found', message);
    }
    const resolved = resolvePodVariables(podVariables.unknown, seen, { ...pod, clusterDomain });
    if (seen.spec.hostNetwork) assertHasAddresses(podVariables.unknown, resolved);
    return resolved;
  };
}

/** Reads the addresses of a pod; none if it is gone. */
export function podAddressReader(
  getPod: PodVariableReaderOptions['getPod'],
): (pod: PodIdentity, signal: AbortSignal) => Promise<readonly string[]> {
  return async (pod, signal) => {
    const seen = await getPod(pod, signal);
    return seen?.uid === pod.uid ? seen.status.podIPs.map(({ ip }) => ip) : [];
  };
}

function unreadable({ namespace, name }: PodIdentity, error: CertfleetError): CertfleetError {
  const message = `cannot read pod ${namespace}/${name}, whose values the volume's attributes use: ${error.message}`;
  const { reason, code, retryable } = error;
  return new CertfleetError(code, message, { cause: error, retryable, ...(reason && { reason }) });
}

/** The kubelet reports the addresses of the node before it mounts the volumes of such a pod. */
function assertHasAddresses(names: readonly string[], { values, problems }: ResolvedPodVariables): void {
  const missing = names.find((name) => values[name] === undefined && problems[name] === undefined);
  if (missing === undefined) return;
  const message = `waiting for the kubelet to report the addresses of the node, for the variable ${missing}`;
  throw new CertfleetError('unavailable', message, { reason: 'PodAddressPending' });
}
