import type { KeyObject } from 'node:crypto';
import type { Clock } from '@certfleet/shared/clock.ts';
import { verifyIssuedChain } from '../crypto/certificate-chain.ts';
import type { IssuedCertificate } from '../crypto/certificate-chain.ts';
import { createCertificateSigningRequest } from '../crypto/certificate-signing-request.ts';
import type { KeyUrgency, TakeOptions } from '../crypto/key-pool.ts';
import type { KeySpec, PodIdentity, VolumeSpec } from '../spec/volume-spec.ts';
import type { CertificateIssuer } from './certificate-issuer.ts';

/** The measured phases of an issuance. */
type IssuancePhase = 'gate' | 'key' | 'request' | 'wait';

export interface IssuanceDependencies {
  readonly issuer: CertificateIssuer;
  readonly takeKey: (key: KeySpec, options: TakeOptions) => Promise<KeyObject>;
  /** Resolves when the pod meets its readiness gates. */
  readonly awaitGates: (pod: PodIdentity, signal: AbortSignal) => Promise<void>;
  /** Resolves when the sources of additional trust that the volume names were read. */
  readonly awaitTrust: (volume: Pick<IssuanceOrder, 'volumeId' | 'spec'>, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly observePhase: (phase: IssuancePhase, durationMs: number) => void;
}

/** Parameters of one issuance. */
export interface IssuanceOrder {
  readonly volumeId: string;
  readonly spec: VolumeSpec;
  readonly requestName: string;
  /** Whether the pod has no certificate yet. Readiness gates apply to the first issuance only. */
  readonly isFirst: boolean;
  readonly urgency: KeyUrgency;
  /** A key to use instead of a new one: that of a resumed request, or the current one if the volume reuses it. */
  readonly key: KeyObject | undefined;
  readonly serviceAccountToken: string | undefined;
  /** Stores the key before the request is sent, so that the request can be resumed after a crash. */
  readonly rememberKey: (key: KeyObject) => void;
  /** Called once the request is in the cluster and the wait for its result begins. */
  readonly onRequested?: (() => void) | undefined;
  /** Called once if the issuer does not answer soon, with the status message of the request. */
  readonly onPending?: ((message: string) => void) | undefined;
}

/** A verified certificate and its key. */
export interface Issuance {
  readonly key: KeyObject;
  readonly certificate: IssuedCertificate;
}

/**
 * Makes one issuance: gates, key, request, verification.
 * @throws CertfleetError as CertificateIssuer.issue does; failed-precondition with reason InvalidCertificate if the
 * issuer's response is invalid; deadline-exceeded with reason GatePending
 */
export async function issueCertificate(
  dependencies: IssuanceDependencies,
  order: IssuanceOrder,
  signal: AbortSignal,
): Promise<Issuance> {
  const { issuer, clock, observePhase } = dependencies;
  const { spec } = order;
  const timed = async <T>(phase: IssuancePhase, work: () => Promise<T>): Promise<T> => {
    const startedMs = performance.now();
    const result = await work();
    observePhase(phase, performance.now() - startedMs);
    return result;
  };
  if (order.isFirst) {
    await timed('gate', () => dependencies.awaitGates(spec.pod, signal));
    await dependencies.awaitTrust(order, signal);
  }
  const key =
    order.key ?? (await timed('key', () => dependencies.takeKey(spec.key, { signal, urgency: order.urgency })));
  // Before the deadline is checked, so that the next attempt uses this key instead of generating another.
  order.rememberKey(key);
  signal.throwIfAborted();
  const csrPem = createCertificateSigningRequest({ ...spec, key });
  const { requestName, volumeId, serviceAccountToken } = order;
  let phaseStartedMs = performance.now();
  const endPhase = (phase: IssuancePhase): void => {
    observePhase(phase, performance.now() - phaseStartedMs);
    phaseStartedMs = performance.now();
  };
  const request = { requestName, volumeId, spec, csrPem, serviceAccountToken, onPending: order.onPending };
  const response = await issuer.issue(request, signal, () => {
    endPhase('request');
    order.onRequested?.();
  });
  endPhase('wait');
  return { key, certificate: verifyIssuedChain(response, { key, now: new Date(clock.now()) }) };
}
