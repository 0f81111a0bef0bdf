import type { KeyObject } from 'node:crypto';
import { isOneOf } from '@certfleet/shared/error-reasons.ts';
import type { ErrorReason } from '@certfleet/shared/error-reasons.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import { orAborted } from '@certfleet/shared/or-aborted.ts';
import { Secret } from '@certfleet/shared/secret.ts';
import { nameDifferences } from '../crypto/name-differences.ts';
import { decodePrivateKey, encodePrivateKey, keyMatchesSpec } from '../crypto/private-key.ts';
import { issueCertificate } from '../issuance/issue-certificate.ts';
import type { Issuance, IssuanceDependencies, IssuanceOrder } from '../issuance/issue-certificate.ts';
import type { AttemptCause } from '@certfleet/fleet-model/issuance-causes.ts';
import type { IssuedFacts } from '../storage/volume-record.ts';
import { unansweredReasons } from './attempt-policy.ts';
import { obsoleteWithFound, obsoleteWithout } from './request-record.ts';
import { timeoutSignal } from './timeout-signal.ts';
import { keystorePassword } from './keystore-password.ts';
import { apiServerToken } from './service-account-token.ts';
import type { Volume } from './volume.ts';
import { volumePayload } from './volume-payload.ts';
import type { VolumeReporter } from './volume-reporter.ts';
import type { VolumeTrusts } from './volume-trusts.ts';

export interface VolumeIssuanceOptions {
  readonly dependencies: IssuanceDependencies;
  readonly trusts: VolumeTrusts;
  readonly useTokenRequest: boolean;
  readonly reporter: VolumeReporter;
  readonly observeWrite: (durationMs: number) => void;
}

export interface Attempt {
  readonly cause: AttemptCause;
  /** Whether a person requested it. Neither back-off nor an unanswered request then delays the attempt. */
  readonly isRequestedByPerson?: boolean;
  /** Ends the attempt. */
  readonly signal: AbortSignal;
  /**
   * Aborted when the result is no longer needed (unpublish, stop, cancelled call); this does not count as a failure.
   */
  readonly abandoned: AbortSignal;
  /** Called once the request is in the cluster and the agent waits for its result. */
  readonly onRequested?: () => void;
}

/** The name belongs to a request that this volume cannot use: its key is lost, or it belongs to another volume. */
const occupiedNameReasons = ['RequestStale', 'RequestForeign'] as const satisfies readonly ErrorReason[];

/** Long enough for the API server to return a request that was answered already. */
const lastCheckMs = 3_000;

/** Tolerated clock skew: a not-before that is further ahead causes a warning. */
const toleratedSkewMs = 60_000;

/** Makes attempts to issue: requests a certificate and passes the result or error to the volume's transitions. */
export class VolumeIssuance {
  readonly #options: VolumeIssuanceOptions;

  constructor(options: VolumeIssuanceOptions) {
    this.#options = options;
  }

  /**
   * Makes one attempt; the caller holds the volume's lock. If it fails, the pod's files are unchanged, the volume has
   * recorded the failure and the time of the next attempt, and the pod has got an Event.
   * @throws CertfleetError as issueCertificate does; not-found if the volume is being removed; as VolumeStore does if
   * the tmpfs is full
   */
  async attempt(volume: Volume, attempt: Attempt): Promise<void> {
    const startedMs = performance.now();
    try {
      // An attempt that failed may have written a complete certificate.
      if (volume.failedAttempts > 0 && volume.reconcile()) return;
      const issued = await this.#issue(volume, attempt);
      volume.lastIssuanceMs = performance.now() - startedMs;
      this.#deleteObsolete(volume);
      this.#options.reporter.issued(volume, attempt.cause, volume.record.generation, issued);
    } catch (thrown) {
      volume.lastIssuanceMs = performance.now() - startedMs;
      const error = asCertfleetError(thrown);
      if (!attempt.abandoned.aborted && !volume.isRemoving) {
        this.#options.reporter.attemptFailed(volume, attempt.cause, error, volume.failed(error));
      }
      throw error;
    }
  }

  async #issue(volume: Volume, attempt: Attempt): Promise<IssuedFacts> {
    const { reporter, observeWrite } = this.#options;
    assertComplete(volume);
    const answered = await this.#checkIgnoredRequest(volume, attempt);
    // Deletes earlier requests before a new one is made; the last refused request was kept until now for inspection.
    if (volume.secrets.pendingKeyPem === undefined) this.#deleteObsolete(volume);
    const { key, certificate } = answered ?? (await this.#requestTrusted(volume, attempt));
    this.#waitUntilValid(volume, certificate.notBefore);
    const startedMs = performance.now();
    const { caPem, caFingerprintsSha256, trust } = this.#options.trusts.compose(volume, certificate);
    const shown = { key, certificate: { certificatePem: certificate.certificatePem, caPem } };
    const payload = await volumePayload(volume.spec, shown, {
      passwordOf: (format) => keystorePassword(volume, format),
      now: new Date(this.#options.dependencies.clock.now()),
    });
    const issued = volume.issued({
      payload,
      certificate: { ...certificate, caFingerprintsSha256 },
      cause: attempt.cause,
      trust,
    });
    observeWrite(performance.now() - startedMs);
    reporter.namesDiffer(volume, nameDifferences(volume.spec, certificate));
    if (caPem === '' && hasTruststore(volume)) reporter.truststoreEmpty(volume);
    else if (certificate.caPem === '' && caPem !== '') reporter.caKept(volume);
    return issued;
  }

  /**
   * Requests the certificate. The answer to a request of an earlier attempt, which could not be written then, may be of a
   * CA whose trust a rotation has removed since: another pod would reject it, so it is requested again.
   */
  async #requestTrusted(volume: Volume, attempt: Attempt): Promise<Issuance> {
    const mayReplace = volume.secrets.pendingKeyPem !== undefined && mayReplaceAnswer(volume);
    const issuance = await this.#request(volume, attempt);
    const { trusts, reporter } = this.#options;
    if (!mayReplace || !trusts.isRemoved(volume, issuance.certificate)) return issuance;
    reporter.answerReplaced(volume, volume.nextRequestName);
    volume.requestAbandoned();
    this.#deleteObsolete(volume);
    return this.#request(volume, attempt);
  }

  /**
   * Requests the certificate. A request of this name whose key was lost (with the node's memory) is deleted and created
   * again. If another volume's request has the name, the next name is used. If the answer to a request of an earlier
   * attempt has expired, which is no fault of the issuer, the next name is used too.
   */
  async #request(volume: Volume, attempt: Attempt): Promise<Issuance> {
    const { dependencies } = this.#options;
    const request = (): Promise<Issuance> => {
      const onRequested = (): void => attempt.onRequested?.();
      return issueCertificate(dependencies, this.#order(volume, attempt, onRequested), attempt.signal);
    };
    const isLeftUnusable = invalidOnceResumed(volume);
    try {
      return await request();
    } catch (thrown) {
      const { reason } = asCertfleetError(thrown);
      if (!isOneOf(occupiedNameReasons, reason) && !isLeftUnusable(reason)) throw thrown;
      if (reason === 'RequestStale') await orAborted(this.#discardPresent(volume), attempt.signal);
      else {
        volume.requestAbandoned();
        this.#deleteObsolete(volume);
      }
    }
    try {
      return await request();
    } catch (thrown) {
      if (isOneOf(occupiedNameReasons, asCertfleetError(thrown).reason)) volume.requestAbandoned();
      throw thrown;
    }
  }

  /**
   * Abandons the current request if its issuer ignores it, but checks it first: it may have been answered between
   * attempts, or the watch was late.
   */
  async #checkIgnoredRequest(volume: Volume, attempt: Attempt): Promise<Issuance | undefined> {
    if (!volume.attempts.isRequestIgnored(attempt.isRequestedByPerson === true)) return undefined;
    const { dependencies, reporter } = this.#options;
    const isLeftUnusable = invalidOnceResumed(volume);
    using limit = timeoutSignal(dependencies.clock, lastCheckMs, [attempt.signal]);
    try {
      return await issueCertificate(
        dependencies,
        this.#order(volume, attempt, () => undefined),
        limit.signal,
      );
    } catch (thrown) {
      const { reason } = asCertfleetError(thrown);
      // It was answered meanwhile, but the answer is useless: the attempt itself replaces it.
      if (isOneOf(occupiedNameReasons, reason) || isLeftUnusable(reason)) return undefined;
      if (attempt.signal.aborted || !isOneOf(unansweredReasons, reason)) throw thrown;
    }
    reporter.requestReplaced(volume, volume.nextRequestName);
    volume.requestAbandoned();
    return undefined;
  }

  #discardPresent(volume: Volume): Promise<void> {
    const { volumeId, spec, nextRequestName: requestName } = volume;
    return this.#options.dependencies.issuer.discard({ requestName, volumeId, spec });
  }

  #order(volume: Volume, { cause }: Attempt, onRequested: () => void): IssuanceOrder {
    const { spec, record, secrets, volumeId } = volume;
    const serviceAccountToken = apiServerToken(secrets.serviceAccountTokens);
    if (this.#options.useTokenRequest && serviceAccountToken === undefined) {
      throw new CertfleetError(
        'failed-precondition',
        'the kubelet sent no token of the pod’s service account; set an audience "" in CSIDriver.spec.tokenRequests',
        { reason: 'TokenMissing' },
      );
    }
    const isFirst = record.issued === undefined;
    return {
      volumeId,
      spec,
      requestName: volume.nextRequestName,
      isFirst,
      urgency: cause === 'mount' ? 'mount' : 'renewal',
      key: this.#knownKey(volume),
      serviceAccountToken: this.#options.useTokenRequest ? serviceAccountToken : undefined,
      rememberKey: (key) => {
        const pem = encodePrivateKey(key, spec.key.encoding).toString('latin1');
        if (volume.secrets.pendingKeyPem?.reveal() !== pem) volume.keepSecrets({ pendingKeyPem: new Secret(pem) });
        volume.attempts.requestSent();
      },
      onRequested,
      onPending: isFirst ? (message) => this.#options.reporter.requestPending(volume, message) : undefined,
    };
  }

  /** The key of a request that can be resumed, or the current key if the volume reuses it. */
  #knownKey({ secrets, spec, store, volumeId }: Volume): KeyObject | undefined {
    const pending = secrets.pendingKeyPem;
    if (pending === undefined && !spec.reusePrivateKey) return undefined;
    const present = store.readPayload(volumeId).get(spec.files.privateKey);
    // A pending key that the pod already uses remained after a failed write.
    if (pending !== undefined && pending.reveal() !== present?.toString('latin1')) {
      const key = decodePrivateKey(pending.reveal());
      if (keyMatchesSpec(key, spec.key)) return key;
    }
    if (present === undefined || !spec.reusePrivateKey) return undefined;
    const current = decodePrivateKey(present);
    return keyMatchesSpec(current, spec.key) ? current : undefined;
  }

  /** @throws CertfleetError reason CertificateNotYetValid while the current certificate should be kept */
  #waitUntilValid(volume: Volume, notBefore: Date): void {
    const { clock } = this.#options.dependencies;
    const waitMs = volume.attempts.deferralMs(notBefore);
    if (waitMs > 0) {
      const message = `the new certificate is not valid before ${notBefore.toISOString()}; the current one is kept until then`;
      const details = { reason: 'CertificateNotYetValid', retryAfterMs: waitMs } as const;
      throw new CertfleetError('unavailable', message, details);
    }
    if (notBefore.getTime() - clock.now() > toleratedSkewMs) this.#options.reporter.notYetValid(volume, notBefore);
  }

  /**
   * Deletes old requests in the background: only one request per volume is kept, and old ones must not delay an
   * issuance.
   */
  #deleteObsolete(volume: Volume): void {
    const { volumeId, spec } = volume;
    const { dependencies, reporter } = this.#options;
    // With the first renewal: after a reboot, all pods of the node start at once.
    if (volume.record.generation > 1) {
      const found = dependencies.issuer.takeRequestsAtStart(volumeId);
      volume.obsoleteRequestsChanged(obsoleteWithFound(volume.record, volume.nextRequestName, found));
    }
    for (const requestName of volume.record.obsoleteRequests ?? []) {
      // One of an earlier life of the volume: the request of this name replaces it.
      if (requestName === volume.nextRequestName) continue;
      dependencies.issuer.discard({ requestName, volumeId, spec }).then(
        () => volume.obsoleteRequestsChanged(obsoleteWithout(volume.record, requestName)),
        (error: unknown) => reporter.discardFailed(volume, requestName, asCertfleetError(error)),
      );
    }
  }
}

/** @throws CertfleetError reason PodAddressPending if the certificate would lack a name that is not known yet */
function assertComplete({ spec: { pod, podVariables } }: Volume): void {
  const [unknown] = podVariables.unknown;
  if (unknown === undefined) return;
  const message = `waiting for the addresses of pod ${pod.namespace}/${pod.name}, for the variable ${unknown}`;
  throw new CertfleetError('unavailable', message, { reason: 'PodAddressPending' });
}

function hasTruststore({ spec: { pkcs12, jks } }: Volume): boolean {
  return [pkcs12, jks].some((store) => store?.truststoreFile !== undefined);
}

/** Returns a predicate: whether a failure means that the answer to a request of an earlier attempt has become useless. */
function invalidOnceResumed(volume: Volume): (reason: ErrorReason | undefined) => boolean {
  const isAllowed = volume.secrets.pendingKeyPem !== undefined && mayReplaceAnswer(volume);
  return (reason) => isAllowed && reason === 'InvalidCertificate';
}

/**
 * Whether the answer to a request of an earlier attempt may be replaced if it is useless, for example because it expired.
 * Allowed once per certificate, and later once per half of the requested lifetime, so that an issuer whose answers are
 * never useful does not get requests without a pause.
 */
function mayReplaceAnswer({ record, attempts, spec }: Volume): boolean {
  return (record.request?.abandoned ?? 0) === 0 || (attempts.requestAgeMs ?? 0) >= spec.durationMs / 2;
}
