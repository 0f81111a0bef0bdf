import type { KeyObject } from 'node:crypto';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import { orAborted } from '@certfleet/shared/or-aborted.ts';
import { Secret } from '@certfleet/shared/secret.ts';
import { decodePrivateKey, encodePrivateKey, keyMatchesSpec } from '../crypto/private-key.ts';
import { issueCertificate } from '../issuance/issue-certificate.ts';
import type { Issuance, IssuanceDependencies, IssuanceOrder } from '../issuance/issue-certificate.ts';
import type { IssuanceCause } from '../observability/agent-metrics.ts';
import type { IssuedFacts } from '../storage/volume-record.ts';
import { unansweredReasons } from './attempt-policy.ts';
import { timeoutSignal } from './timeout-signal.ts';
import { keystorePassword } from './keystore-password.ts';
import { apiServerToken } from './service-account-token.ts';
import type { Volume } from './volume.ts';
import { volumePayload } from './volume-payload.ts';
import type { VolumeReporter } from './volume-reporter.ts';

/** What issuing into volumes needs. */
export interface VolumeIssuanceOptions {
  readonly dependencies: IssuanceDependencies;
  readonly useTokenRequest: boolean;
  readonly reporter: VolumeReporter;
  readonly observeWrite: (durationMs: number) => void;
}

/** One attempt to issue. */
export interface Attempt {
  readonly cause: IssuanceCause;
  /** Whether a person asked for it, whom neither back-off nor an unanswered request shall hold up. */
  readonly isRequestedByPerson?: boolean;
  /** Ends the attempt. */
  readonly signal: AbortSignal;
  /** Aborted when nobody wants the answer any more (unpublish, stop, a caller that hung up): that is no failure. */
  readonly abandoned: AbortSignal;
  /** Called once the request is in the cluster and its answer is waited for. */
  readonly onRequested?: () => void;
}

/** The name is taken by a request that this volume cannot use: its key is lost, or it belongs to another. */
const occupiedNameReasons: ReadonlySet<string> = new Set(['RequestStale', 'RequestForeign']);

/** A request that was answered says so as soon as the API server shows it. */
const lastLookMs = 3_000;

/** How far a new certificate's not-before may lie ahead without a warning: clocks differ by some seconds. */
const toleratedSkewMs = 60_000;

/** Makes attempts to issue: asks for a certificate and hands the result, good or bad, to the volume's transitions. */
export class VolumeIssuance {
  readonly #options: VolumeIssuanceOptions;

  constructor(options: VolumeIssuanceOptions) {
    this.#options = options;
  }

  /**
   * One attempt, under the volume's lock. When it fails, nothing that the pod sees has changed, the volume knows of the
   * failure and when to try again, and the pod was told by an Event.
   * @throws CertfleetError as issueCertificate does; not-found when the volume is being removed; as VolumeStore does when
   *   the tmpfs is full
   */
  async attempt(volume: Volume, attempt: Attempt): Promise<void> {
    const startedMs = performance.now();
    try {
      // What an attempt wrote before it failed may be a whole certificate.
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
    const answered = await this.#lastLook(volume, attempt);
    // Those before the one that is about to be made; the last that was refused was kept until now for people to look at.
    if (volume.secrets.pendingKeyPem === undefined) this.#deleteObsolete(volume);
    const { key, certificate } = answered ?? (await this.#request(volume, attempt));
    this.#waitUntilValid(volume, certificate.notBefore);
    const startedMs = performance.now();
    const caPem = certificate.caPem === '' ? this.#presentCa(volume) : certificate.caPem;
    const shown = { key, certificate: { certificatePem: certificate.certificatePem, caPem } };
    const payload = await volumePayload(volume.spec, shown, () => keystorePassword(volume));
    const caFingerprintsSha256 =
      certificate.caPem === '' ? (volume.record.issued?.caFingerprintsSha256 ?? []) : certificate.caFingerprintsSha256;
    const issued = volume.issued({
      payload,
      certificate: { ...certificate, caFingerprintsSha256 },
      cause: attempt.cause,
    });
    observeWrite(performance.now() - startedMs);
    if (certificate.caPem === '' && caPem !== '') reporter.caKept(volume);
    return issued;
  }

  /**
   * Asks for the certificate. A request of this name whose key was lost, as with the node's memory, is deleted and made
   * again; a name that another occupies is left for the next one. The answer to a request of an earlier attempt may have
   * expired meanwhile, which says nothing about the issuer: it is left for the next one, too.
   */
  async #request(volume: Volume, attempt: Attempt): Promise<Issuance> {
    const { dependencies } = this.#options;
    const request = (): Promise<Issuance> => {
      const onRequested = (): void => attempt.onRequested?.();
      return issueCertificate(dependencies, this.#order(volume, attempt, onRequested), attempt.signal);
    };
    const isLeftUnusable = invalidOnceResumed(volume, dependencies.clock.monotonic());
    try {
      return await request();
    } catch (thrown) {
      const { reason = '' } = asCertfleetError(thrown);
      if (!occupiedNameReasons.has(reason) && !isLeftUnusable(reason)) throw thrown;
      if (reason === 'RequestStale') await orAborted(this.#discardPresent(volume), attempt.signal);
      else volume.requestAbandoned();
    }
    try {
      return await request();
    } catch (thrown) {
      if (occupiedNameReasons.has(asCertfleetError(thrown).reason ?? '')) volume.requestAbandoned();
      throw thrown;
    }
  }

  /**
   * Gives up the present request if its issuer ignores it, but not before a look at it: it may have been answered while
   * nobody waited, or while the watch was late.
   */
  async #lastLook(volume: Volume, attempt: Attempt): Promise<Issuance | undefined> {
    if (!volume.isRequestIgnored(attempt.isRequestedByPerson === true)) return undefined;
    const { dependencies, reporter } = this.#options;
    using limit = timeoutSignal(dependencies.clock, lastLookMs, [attempt.signal]);
    try {
      return await issueCertificate(
        dependencies,
        this.#order(volume, attempt, () => undefined),
        limit.signal,
      );
    } catch (thrown) {
      if (attempt.signal.aborted || !unansweredReasons.has(asCertfleetError(thrown).reason ?? '')) throw thrown;
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
        'expected a token of the pod’s service account from the kubelet, found none; CSIDriver.spec.tokenRequests must ask for audience ""',
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
        volume.requestSent();
      },
      onRequested,
      onPending: isFirst ? (message) => this.#options.reporter.requestPending(volume, message) : undefined,
    };
  }

  /** The key of a request that can be resumed, or the volume's own when it is to be kept. */
  #knownKey({ secrets, spec, store, volumeId }: Volume): KeyObject | undefined {
    const pending = secrets.pendingKeyPem;
    if (pending === undefined && !spec.reusePrivateKey) return undefined;
    const present = store.readPayload(volumeId).get(spec.files.privateKey);
    // A pending key that the pod uses already was left behind by a failed write.
    if (pending !== undefined && pending.reveal() !== present?.toString('latin1')) {
      const key = decodePrivateKey(pending.reveal());
      if (keyMatchesSpec(key, spec.key)) return key;
    }
    if (present === undefined || !spec.reusePrivateKey) return undefined;
    const current = decodePrivateKey(present);
    return keyMatchesSpec(current, spec.key) ? current : undefined;
  }

  /** The CA that the pod trusts now: what a pod reads is never taken away, not even by an issuer that sends no CA. */
  #presentCa({ store, volumeId, spec }: Volume): string {
    return store.readPayload(volumeId).get(spec.files.ca)?.toString() ?? '';
  }

  /** @throws CertfleetError reason CertificateNotYetValid while the present certificate is the better one */
  #waitUntilValid(volume: Volume, notBefore: Date): void {
    const { clock } = this.#options.dependencies;
    const waitMs = volume.deferralMs(notBefore);
    if (waitMs > 0) {
      const message = `the new certificate is not valid before ${notBefore.toISOString()}; the present one is kept until then`;
      const details = { reason: 'CertificateNotYetValid', retryAfterMs: waitMs };
      throw new CertfleetError('unavailable', message, details);
    }
    if (notBefore.getTime() - clock.now() > toleratedSkewMs) this.#options.reporter.notYetValid(volume, notBefore);
  }

  /** One request is kept per volume; that old ones linger for a while is no reason to hold up anything. */
  #deleteObsolete(volume: Volume): void {
    const { volumeId, spec } = volume;
    const { dependencies, reporter } = this.#options;
    for (const requestName of volume.record.obsoleteRequests ?? []) {
      dependencies.issuer.discard({ requestName, volumeId, spec }).then(
        () => volume.requestsDeleted([requestName]),
        (error: unknown) => reporter.discardFailed(volume, requestName, asCertfleetError(error)),
      );
    }
  }
}

/**
 * Whether a failure says that the answer to a request of an earlier attempt is of no use any more, as when it expired
 * meanwhile. Once for each certificate, and later once in half of the lifetime that was asked for: an issuer whose answers
 * are never valid is not asked without a pause.
 */
function invalidOnceResumed(
  { secrets, record, marks, spec }: Volume,
  monotonicMs: number,
): (reason: string) => boolean {
  const ageMs = monotonicMs - (marks.sentAtMs ?? monotonicMs);
  const isAllowed = (record.request?.abandoned ?? 0) === 0 || ageMs >= spec.durationMs / 2;
  return (reason) => secrets.pendingKeyPem !== undefined && isAllowed && reason === 'InvalidCertificate';
}
