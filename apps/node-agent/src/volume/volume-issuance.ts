import { createHash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import { Secret } from '@certfleet/shared/secret.ts';
import { decodePrivateKey, encodePrivateKey, keyMatchesSpec } from '../crypto/private-key.ts';
import type { IssuedCertificate } from '../crypto/certificate-chain.ts';
import { issueCertificate } from '../issuance/issue-certificate.ts';
import type { Issuance, IssuanceDependencies, IssuanceOrder } from '../issuance/issue-certificate.ts';
import type { IssuanceCause } from '../observability/agent-metrics.ts';
import { renewAt } from '../renewal/renew-at.ts';
import type { IssuedFacts } from '../storage/volume-record.ts';
import { keystorePassword } from './keystore-password.ts';
import { apiServerToken, changeSecrets } from './managed-volume.ts';
import type { ManagedVolume } from './managed-volume.ts';
import { volumePayload } from './volume-payload.ts';
import type { VolumeReporter } from './volume-reporter.ts';

/** What issuing into volumes needs. */
export interface VolumeIssuanceOptions {
  readonly dependencies: IssuanceDependencies;
  readonly useTokenRequest: boolean;
  readonly reporter: VolumeReporter;
  readonly observeWrite: (durationMs: number) => void;
}

/** Reasons after which the same request will never be signed: the next try takes a new key and a new request. */
const spentReasons: ReadonlySet<string> = new Set([
  'RequestDenied',
  'RequestFailed',
  'InvalidCertificate',
  'RequestConflict',
]);

/** Issues a certificate into a volume and brings its files and its record up to date. */
export class VolumeIssuance {
  readonly #options: VolumeIssuanceOptions;

  constructor(options: VolumeIssuanceOptions) {
    this.#options = options;
  }

  /**
   * One try, under the volume's lock. On an error nothing that the pod sees has changed. The first certificate's record is
   * written by the mount that follows.
   * @throws CertfleetError as issueCertificate does, and not-found when the volume was removed meanwhile
   */
  async issue(volume: ManagedVolume, cause: IssuanceCause, signal: AbortSignal): Promise<void> {
    const { reporter } = this.#options;
    const startedMs = performance.now();
    const took = (): void => void (volume.lastIssuanceMs = performance.now() - startedMs);
    try {
      const order = this.#order(volume);
      if (volume.requestIsSpent) await this.#discard(volume, order.requestName);
      const issuance = await this.#issueAnew(volume, order, signal);
      const previousRequest = volume.record.issued?.requestName;
      const issued = await this.#store(volume, issuance, order.requestName);
      volume.lastCause = cause;
      took();
      if (previousRequest !== undefined) this.#discardLater(volume, previousRequest);
      reporter.issued(volume, cause, volume.record.generation, issued);
    } catch (thrown) {
      took();
      throw this.#remember(volume, asCertfleetError(thrown));
    }
  }

  #order(volume: ManagedVolume): IssuanceOrder {
    const { spec, record, secrets, volumeId } = volume;
    const serviceAccountToken = apiServerToken(secrets.serviceAccountTokens);
    if (this.#options.useTokenRequest && serviceAccountToken === undefined) {
      throw new CertfleetError(
        'failed-precondition',
        'expected a token of the pod’s service account from the kubelet, found none; CSIDriver.spec.tokenRequests must ask for audience ""',
        { reason: 'TokenMissing' },
      );
    }
    return {
      volumeId,
      spec,
      requestName: nextRequestName(volume),
      isFirst: record.issued === undefined,
      key: this.#knownKey(volume),
      serviceAccountToken: this.#options.useTokenRequest ? serviceAccountToken : undefined,
      rememberKey: (key) => {
        const pendingKeyPem = new Secret(encodePrivateKey(key, spec.key.encoding).toString('latin1'));
        changeSecrets(volume, { pendingKeyPem });
      },
    };
  }

  /** The key of a request that can be resumed, or the volume's own when it is to be kept. */
  #knownKey({ secrets, spec, store, volumeId, requestIsSpent }: ManagedVolume): KeyObject | undefined {
    if (secrets.pendingKeyPem !== undefined && !requestIsSpent) {
      const pending = decodePrivateKey(secrets.pendingKeyPem.reveal());
      if (keyMatchesSpec(pending, spec.key)) return pending;
    }
    if (!spec.reusePrivateKey) return undefined;
    const file = store.readPayload(volumeId).get(spec.files.privateKey);
    if (file === undefined) return undefined;
    const current = decodePrivateKey(file);
    return keyMatchesSpec(current, spec.key) ? current : undefined;
  }

  /** Issues; a request of an earlier life of the node, whose key is lost, is replaced. */
  async #issueAnew(volume: ManagedVolume, order: IssuanceOrder, signal: AbortSignal): Promise<Issuance> {
    try {
      return await issueCertificate(this.#options.dependencies, order, signal);
    } catch (thrown) {
      if (asCertfleetError(thrown).reason !== 'RequestStale') throw thrown;
      await this.#discard(volume, order.requestName);
      return await issueCertificate(this.#options.dependencies, order, signal);
    }
  }

  async #discard(volume: ManagedVolume, requestName: string): Promise<void> {
    const { volumeId, spec } = volume;
    await this.#options.dependencies.issuer.discard({ requestName, volumeId, spec });
    volume.requestIsSpent = false;
  }

  async #store(volume: ManagedVolume, issuance: Issuance, requestName: string): Promise<IssuedFacts> {
    const startedMs = performance.now();
    const { store, volumeId, spec } = volume;
    const payload = await volumePayload(spec, issuance, () => keystorePassword(volume));
    store.writePayload(volumeId, payload, spec.fsGroup);
    // A kill from here to the record's rename leaves new files beside an old record: recovery believes the files. The
    // key of this request goes before the record says so, or it would be taken for that of the next one.
    changeSecrets(volume, { pendingKeyPem: undefined });
    const now = new Date(this.#options.dependencies.clock.now());
    const { renewBeforeMs } = spec;
    const issued = issuedFacts(issuance.certificate, { requestName, issuedAt: now, renewBeforeMs });
    volume.record = {
      ...volume.record,
      generation: volume.record.generation + 1,
      issued,
      lastFailure: undefined,
      heldUntil: undefined,
    };
    if (volume.record.phase === 'published') store.writeRecord(volume.record);
    volume.failedAttempts = 0;
    this.#options.observeWrite(performance.now() - startedMs);
    return issued;
  }

  #remember(volume: ManagedVolume, error: CertfleetError): CertfleetError {
    if (error.reason !== 'GatePending') volume.failedAttempts += 1;
    volume.requestIsSpent ||= spentReasons.has(error.reason ?? '');
    const at = new Date(this.#options.dependencies.clock.now());
    volume.record = {
      ...volume.record,
      lastFailure: { at, reason: error.reason ?? 'IssuanceFailed', message: error.message },
    };
    try {
      volume.store.writeRecord(volume.record);
    } catch {
      // The volume was removed meanwhile, or the tmpfs is full: the failure itself is what the caller must hear of.
    }
    return error;
  }

  /** One request is kept per volume; that the old one lingers for a while is no reason to hold up a mount. */
  #discardLater({ volumeId, spec }: ManagedVolume, requestName: string): void {
    this.#options.dependencies.issuer.discard({ requestName, volumeId, spec }).catch((error: unknown) => {
      this.#options.reporter.discardFailed({ volumeId, spec }, requestName, asCertfleetError(error));
    });
  }
}

/** The facts of a certificate as the record keeps them. */
export function issuedFacts(
  certificate: Pick<
    IssuedCertificate,
    'serialNumber' | 'fingerprintSha256' | 'notBefore' | 'notAfter' | 'caFingerprintsSha256'
  >,
  {
    requestName,
    issuedAt,
    renewBeforeMs,
  }: { requestName: string | undefined; issuedAt: Date; renewBeforeMs: number | undefined },
): IssuedFacts {
  const { serialNumber, fingerprintSha256, notBefore, notAfter, caFingerprintsSha256 } = certificate;
  return {
    serialNumber,
    fingerprintSha256,
    notBefore,
    notAfter,
    caFingerprintsSha256,
    requestName,
    issuedAt,
    renewAt: renewAt(certificate, renewBeforeMs),
  };
}

/**
 * The name of the volume's next request: the pod's name for the reader, a hash of the volume id so that two volumes never
 * meet, the generation so that the same try after a kill finds the same request.
 */
export function nextRequestName({ spec, volumeId, record }: ManagedVolume): string {
  const hash = createHash('sha256').update(volumeId).digest('hex').slice(0, 12);
  return `${spec.pod.name.slice(0, 200)}-${hash}-${record.generation + 1}`;
}
