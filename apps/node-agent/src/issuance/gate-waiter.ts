import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { backoffMs } from '@certfleet/fleet-model/renewal-policy.ts';
import type { BackoffPolicy } from '@certfleet/fleet-model/renewal-policy.ts';
import { waitingReason } from '../spec/readiness-gate.ts';
import type { GatedPod, ReadinessGate } from '../spec/readiness-gate.ts';
import type { PodIdentity } from '../spec/volume-spec.ts';

export interface GateWaiterOptions {
  readonly gates: readonly ReadinessGate[];
  readonly getPod: (
    namespace: string,
    name: string,
    signal: AbortSignal,
  ) => Promise<(GatedPod & { readonly uid: string }) | undefined>;
  readonly backoff: BackoffPolicy;
  readonly clock: Clock;
}

/**
 * Resolves once the pod meets every gate; immediately without gates. The pod is read again with a growing interval.
 * @throws CertfleetError not-found if the pod is gone, and deadline-exceeded with reason GatePending, whose message
 * names
 * the unmet gates, if the signal was aborted first
 */
export async function awaitGates(options: GateWaiterOptions, pod: PodIdentity, signal: AbortSignal): Promise<void> {
  if (options.gates.length === 0) return;
  let reason: string | undefined = 'waiting for the API server to show the pod';
  for (let attempt = 1; ; attempt++) {
    try {
      reason = await unmetReason(options, pod, signal);
      if (reason === undefined) return;
      await delay(options.clock, backoffMs(options.backoff, attempt), signal);
    } catch (cause) {
      if (!signal.aborted) throw cause;
      throw new CertfleetError('deadline-exceeded', reason ?? 'waiting for the pod', { reason: 'GatePending', cause });
    }
  }
}

async function unmetReason(
  { getPod, gates }: GateWaiterOptions,
  pod: PodIdentity,
  signal: AbortSignal,
): Promise<string | undefined> {
  const seen = await getPod(pod.namespace, pod.name, signal);
  if (seen?.uid === pod.uid) return waitingReason(gates, seen);
  const found = seen === undefined ? 'none' : `uid ${seen.uid}`;
  throw new CertfleetError(
    'not-found',
    `expected pod ${pod.namespace}/${pod.name} with uid ${pod.uid}, found ${found}`,
  );
}
