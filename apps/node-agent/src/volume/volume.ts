import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { AttemptCause } from '@certfleet/fleet-model/issuance-causes.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { Payload } from '../storage/payload.ts';
import type { IssuedFacts, VolumeRecord, VolumeSecrets, VolumeTrust } from '../storage/volume-record.ts';
import type { VolumeStore } from '../storage/volume-store.ts';
import { issuedFacts, readPayloadCertificate, type IssuedCertificateFacts } from './issued-facts.ts';
import { issuerKey } from './issuer-key.ts';
import { recordOfCaFile, recordOfMount } from './known-generation.ts';
import { nextRequestName, recordOfFailed, recordOfIssued, withoutRequest } from './request-record.ts';
import { StoredVolume } from './stored-volume.ts';
import type { VolumeContents } from './stored-volume.ts';
import { VolumeAttempts } from './volume-attempts.ts';
import { payloadAccess } from './payload-access.ts';
import type { IssuedPayload, VolumeParts } from './volume-parts.ts';

/**
 * The state machine of one volume. It owns the volume's record, secrets, files and schedule.
 *
 * Only the transitions below change them, always in the same order: durable state, memory, schedule. After each
 * transition the volume is scheduled, waits for a retry of the kubelet (phase `created`, or a failed removal), or is
 * removed. The caller holds the volume's lock.
 */
export class Volume {
  readonly volumeId: string;
  readonly store: VolumeStore;
  /** When attempts are allowed. */
  readonly attempts: VolumeAttempts;
  /** Aborted on unpublish; ends all work in progress for the volume. */
  readonly unpublished = new AbortController();
  readonly #parts: VolumeParts;
  readonly #stored: StoredVolume;
  /** False until a renewal that starts can find the volume; nothing is scheduled before. */
  #isActive = true;
  /** Whether the running agent has confirmed a read-only mount at the target. */
  isMountConfirmed = false;
  /** Duration of the last attempt in milliseconds; undefined if the running agent has made none. */
  lastIssuanceMs: number | undefined;
  /** Why the current certificate was issued; undefined if an earlier run of the agent obtained it. */
  lastCause: AttemptCause | undefined;

  private constructor(parts: VolumeParts, contents: VolumeContents) {
    this.volumeId = contents.record.volumeId;
    this.store = parts.store;
    this.#parts = parts;
    const onWriteFailed = (error: CertfleetError): void => parts.onWriteFailed(this, error);
    this.#stored = new StoredVolume({ store: parts.store, onWriteFailed }, contents);
    const volume = (): Pick<Volume, 'spec' | 'record'> => this;
    this.attempts = new VolumeAttempts({ policy: parts.policy, clock: parts.clock, volume });
  }

  /**
   * Transition: the kubelet requests a new volume. It is not scheduled until its publish completes.
   * @throws CertfleetError as VolumeStore.create does; no files remain then
   */
  static create(parts: VolumeParts, contents: VolumeContents): Volume {
    parts.store.create(contents.record, contents.secrets);
    return new Volume(parts, contents);
  }

  /**
   * Transition: restore a volume of an earlier run from its files. `activate` schedules it.
   * @throws CertfleetError if its files cannot be read
   */
  static restore(parts: VolumeParts, contents: VolumeContents): Volume {
    const volume = new Volume(parts, contents);
    volume.#isActive = false;
    volume.attempts.restore(contents.record);
    volume.reconcile();
    return volume;
  }

  /** It changes only with the addresses of the pod. */
  get spec(): VolumeSpec {
    return this.#stored.spec;
  }

  get record(): VolumeRecord {
    return this.#stored.record;
  }

  get secrets(): VolumeSecrets {
    return this.#stored.secrets;
  }

  /** Failed attempts since the last success. */
  get failedAttempts(): number {
    return this.attempts.failed;
  }

  /** Whether removal has begun; only the removal may continue then. */
  get isRemoving(): boolean {
    return this.#stored.isRemoving;
  }

  get isScheduled(): boolean {
    return this.#parts.scheduler.isScheduled(this.volumeId);
  }

  get nextRequestName(): string {
    return nextRequestName(this.spec, this.record);
  }

  /**
   * Changes some of the secrets.
   * @throws CertfleetError not-found if the volume was removed, or as VolumeStore.writeSecrets does
   */
  keepSecrets(change: VolumeSecrets): void {
    this.#stored.writeSecrets(change);
  }

  /** Transition: the kubelet sent newer service-account tokens. They are used even if they cannot be stored. */
  tokensChanged(serviceAccountTokens: NonNullable<VolumeSecrets['serviceAccountTokens']>): void {
    if (serviceAccountTokens.reveal() === this.secrets.serviceAccountTokens?.reveal()) return;
    this.#stored.tryWriteSecrets({ serviceAccountTokens });
  }

  /**
   * Transition: the current request is abandoned; the next one gets another name and key.
   * @throws CertfleetError if this cannot be stored: the old request then stays current
   */
  requestAbandoned(): void {
    this.#stored.assertPresent();
    this.#stored.writeRecord({ ...this.record, ...withoutRequest(this.record, this.nextRequestName) });
    this.attempts.requestAbandoned();
    this.#stored.dropPendingKey();
  }

  /**
   * Transition: the addresses of the pod are known, or have changed. A request with others is abandoned.
   * @throws CertfleetError if this cannot be stored, or the files cannot be read: nothing changes then
   */
  readdressed(spec: VolumeSpec, podValues: NonNullable<VolumeRecord['podValues']>): void {
    // A certificate that a failed attempt may have written has the addresses of before.
    if (this.failedAttempts > 0) this.reconcile();
    const isRequested = this.secrets.pendingKeyPem !== undefined;
    const request = isRequested ? withoutRequest(this.record, this.nextRequestName) : {};
    this.#stored.writeRecord({ ...this.record, podValues, ...request });
    this.#stored.spec = spec;
    if (isRequested) this.attempts.requestAbandoned();
    this.#stored.dropPendingKey();
    this.#reschedule();
  }

  /**
   * Transition: a certificate was issued. The pod sees the new files, or the old ones if this throws.
   * @throws CertfleetError as VolumeStore.writePayload does
   */
  issued({ payload, certificate, cause, trust }: IssuedPayload): IssuedFacts {
    this.#stored.assertPresent();
    // Before the files: after a crash between both, it is known which certificates of the CA file are the issuer's.
    if (trust !== undefined) this.#stored.writeRecord({ ...this.record, trust });
    try {
      this.store.writePayload(this.volumeId, payload, payloadAccess(this.spec));
    } catch (thrown) {
      // A write can fail after the rename that publishes the files; the pod then sees the new files.
      if (this.#stored.publishedFingerprint() !== certificate.fingerprintSha256) throw thrown;
      // A pod that runs already finds the first certificate only by its links, which the failed write may not have made.
      this.store.completePayload(this.volumeId);
      this.#parts.onWriteFailed(this, asCertfleetError(thrown));
    }
    this.lastCause = cause;
    const issued = this.#certificateAccepted(certificate);
    this.#reschedule();
    return issued;
  }

  /**
   * Transition: reconcile the record with the files, which take precedence. Files that are newer than the record (after
   * a crash or a failed write) become the current certificate. Without a readable certificate, a new one will be
   * issued.
   * @returns whether a newer certificate was found
   * @throws CertfleetError if the files cannot be read, or cannot be linked for a running pod
   */
  reconcile(): boolean {
    const certificate = readPayloadCertificate(this.store.readPayload(this.volumeId), this.spec, this.record.trust);
    if (certificate === undefined) {
      if (this.record.issued !== undefined) this.#stored.record = { ...this.record, issued: undefined };
      return false;
    }
    // A kill between the swap of the files and their links leaves a pod that runs already without them.
    if (this.record.phase === 'published') this.store.completePayload(this.volumeId);
    if (certificate.fingerprintSha256 === this.record.issued?.fingerprintSha256) return false;
    // The certificate was issued when its files were written, which may be long ago; renew-before counts from then.
    const now = this.#parts.clock.now();
    const writtenMs = this.store.payloadWrittenAt(this.volumeId)?.getTime() ?? now;
    this.#certificateAccepted(certificate, new Date(Math.min(now, writtenMs)));
    this.#reschedule();
    return true;
  }

  /**
   * Transition: the volume is about to be mounted at the target, after which a pod may use it.
   * @throws CertfleetError if this cannot be stored or a file cannot be completed: the volume must not be mounted then
   */
  published(targetPath: string): void {
    this.#stored.assertPresent();
    if (this.record.issued !== undefined) this.store.completePayload(this.volumeId);
    this.#stored.writeRecord(recordOfMount(this, targetPath));
    this.#stored.tryWriteReloadMarker();
    this.#reschedule();
  }

  /**
   * Transition: an attempt failed, or has to be continued later.
   * @returns when the next attempt is allowed
   */
  failed(error: CertfleetError): Date {
    const attempt = this.attempts.evaluate(error);
    this.#stored.tryWriteRecord(recordOfFailed(this.record, this.nextRequestName, { error, attempt }));
    this.attempts.attemptFailed(attempt);
    if (attempt.isRefused) this.#stored.dropPendingKey();
    this.#reschedule();
    return attempt.retryAt;
  }

  /**
   * Transition: the controller defers the renewal of the current certificate.
   * @throws CertfleetError if this cannot be stored: a restarted agent would renew immediately
   */
  deferred(until: Date): void {
    this.#stored.assertPresent();
    if (this.record.deferredUntil !== undefined && this.record.deferredUntil >= until) return;
    this.#stored.writeRecord({ ...this.record, deferredUntil: until });
    this.#reschedule();
  }

  /**
   * Transition: the additional trust changed. Key and certificate stay the same, and so does the schedule.
   * @param payload undefined if the files have the trust already
   * @throws CertfleetError if the record or the files cannot be written: a repetition compares the files again
   */
  trustChanged(trust: VolumeTrust, payload?: Payload): void {
    this.#stored.writeRecord(payload === undefined ? { ...this.record, trust } : recordOfCaFile(this, trust));
    if (payload !== undefined) this.#stored.writeCaFile(payload);
  }

  /** Transition: the pod knows this generation. If the write fails, a restarted agent signals once more. */
  signalled(generation: number): void {
    this.#stored.tryWriteRecord({ ...this.record, signalledGeneration: generation });
  }

  /** The requests that still have to be deleted. Stored with the next transition: another deletion costs one API call. */
  obsoleteRequestsChanged(obsoleteRequests: readonly string[] | undefined): void {
    this.#stored.record = { ...this.record, obsoleteRequests };
  }

  /** Transition: removal begins; keys and files are deleted first. If this throws, the caller repeats the removal. */
  removing(): void {
    this.#stored.isRemoving = true;
    this.#parts.scheduler.unschedule(this.volumeId);
    this.store.destroy(this.volumeId);
  }

  /** Transition: nothing is mounted from the volume any more; its last files are deleted. */
  removed(): void {
    this.store.finishRemoval(this.volumeId);
  }

  /** Schedules a restored volume. Call it once renewals can find the volume. */
  activate(): void {
    this.#isActive = true;
    this.#stored.tryWriteReloadMarker();
    this.#reschedule();
  }

  /** Reschedules the volume after a check that came before it was due. */
  postponed(): void {
    this.#reschedule();
  }

  #certificateAccepted(certificate: IssuedCertificateFacts, issuedAt?: Date): IssuedFacts {
    const issued = issuedFacts(certificate, {
      requestName: this.nextRequestName,
      issuedAt: issuedAt ?? new Date(this.#parts.clock.now()),
      renewBeforeMs: this.spec.renewBeforeMs,
      podAddresses: this.record.podValues?.['POD_IPS'],
    });
    // Delete the pending key before the record changes: otherwise the next request would reuse it.
    this.#stored.dropPendingKey();
    const record = recordOfIssued(this.record, issued);
    // The mount that follows writes the record of the first certificate; after a crash `reconcile` finds the files.
    if (record.phase === 'published') this.#stored.tryWriteRecord(record);
    else this.#stored.record = record;
    this.#stored.tryWriteReloadMarker();
    this.attempts.restore(this.record);
    return issued;
  }

  #reschedule(): void {
    if (this.#stored.isRemoving || !this.#isActive) return;
    const { due } = this.attempts;
    if (due === undefined) this.#parts.scheduler.unschedule(this.volumeId);
    else this.#parts.scheduler.schedule(this.volumeId, due, issuerKey(this.spec));
  }
}
