import { createHash } from 'node:crypto';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { IssuanceCause, VolumeStatus } from '../observability/agent-metrics.ts';
import type { RenewalScheduler } from '../renewal/renewal-scheduler.ts';
import { requestBaseName } from '../spec/request-base-name.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { Payload } from '../storage/payload.ts';
import type { IssuedFacts, RequestProgress, VolumeRecord, VolumeSecrets } from '../storage/volume-record.ts';
import type { VolumeStore } from '../storage/volume-store.ts';
import type { AttemptMarks, AttemptPolicy } from './attempt-policy.ts';
import { issuedFacts, readPayloadCertificate } from './issued-facts.ts';
import type { IssuedCertificateFacts } from './issued-facts.ts';

/** Dependencies that all volumes of a node share. */
export interface VolumeParts {
  readonly store: VolumeStore;
  readonly policy: AttemptPolicy;
  readonly scheduler: Pick<RenewalScheduler, 'schedule' | 'unschedule' | 'isScheduled'>;
  readonly clock: Clock;
  /** Called when a write failed but the transition succeeded; the next transition repeats the write. */
  readonly onWriteFailed: (volume: Volume, error: CertfleetError) => void;
}

/** The contents of a new or restored volume. */
export interface VolumeContents {
  readonly spec: VolumeSpec;
  readonly record: VolumeRecord;
  readonly secrets: VolumeSecrets;
}

/** A verified certificate and the files to publish for it. */
export interface IssuedPayload {
  readonly payload: Payload;
  readonly certificate: IssuedCertificateFacts;
  readonly cause: IssuanceCause;
}

/**
 * Upper bound on remembered requests that still have to be deleted. Kubernetes garbage-collects the others with the
 * pod.
 */
const maxObsoleteRequests = 32;

/**
 * The state machine of one volume. It owns the volume's record, secrets, files and schedule.
 *
 * Only the transitions below change them, always in the same order: durable state, memory, schedule. After each
 * transition the volume is scheduled, waits for a retry of the kubelet (phase `created`, or a failed removal), or is
 * removed. The caller holds the volume's lock.
 */
export class Volume {
  readonly volumeId: string;
  readonly spec: VolumeSpec;
  readonly store: VolumeStore;
  /** Aborted on unpublish; ends all work in progress for the volume. */
  readonly unpublished = new AbortController();
  readonly #parts: VolumeParts;
  #record: VolumeRecord;
  #secrets: VolumeSecrets;
  #marks: AttemptMarks = {};
  #failedAttempts = 0;
  #lastCause: IssuanceCause | undefined;
  #isRemoving = false;
  /** False until a renewal that starts can find the volume; nothing is scheduled before. */
  #isActive = true;
  /** Whether the running agent has confirmed a read-only mount at the target. */
  isMountConfirmed = false;
  /** Duration of the last attempt in milliseconds; undefined if the running agent has made none. */
  lastIssuanceMs: number | undefined;

  private constructor(parts: VolumeParts, { spec, record, secrets }: VolumeContents) {
    this.volumeId = record.volumeId;
    this.spec = spec;
    this.store = parts.store;
    this.#parts = parts;
    this.#record = record;
    this.#secrets = secrets;
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
    volume.#marks = parts.policy.restoredMarks(contents.record);
    volume.#failedAttempts = contents.record.lastFailure?.attempts ?? 0;
    volume.reconcile();
    return volume;
  }

  get record(): VolumeRecord {
    return this.#record;
  }

  get secrets(): VolumeSecrets {
    return this.#secrets;
  }

  /** Failed attempts since the last success. */
  get failedAttempts(): number {
    return this.#failedAttempts;
  }

  get marks(): AttemptMarks {
    return this.#marks;
  }

  /** Why the current certificate was issued; undefined if an earlier run of the agent obtained it. */
  get lastCause(): IssuanceCause | undefined {
    return this.#lastCause;
  }

  /** Whether removal has begun; only the removal may continue then. */
  get isRemoving(): boolean {
    return this.#isRemoving;
  }

  get isScheduled(): boolean {
    return this.#parts.scheduler.isScheduled(this.volumeId);
  }

  /**
   * The name of the next CertificateRequest. It consists of the pod's name (for readers), a hash of the volume id
   * (unique per volume), the generation (an attempt that resumes after a crash finds its request) and the number of
   * abandoned requests of this generation.
   */
  get nextRequestName(): string {
    const { spec, volumeId } = this;
    const hash = createHash('sha256').update(volumeId).digest('hex').slice(0, 12);
    const abandoned = this.#record.request?.abandoned ?? 0;
    return `${requestBaseName(spec.pod.name)}-${hash}-${this.#record.generation + 1}${abandoned === 0 ? '' : `-${abandoned}`}`;
  }

  /**
   * Changes some of the secrets.
   * @throws CertfleetError not-found if the volume was removed, or as VolumeStore.writeSecrets does
   */
  keepSecrets(change: VolumeSecrets): void {
    this.#assertPresent();
    const secrets = { ...this.#secrets, ...change };
    this.store.writeSecrets(this.volumeId, secrets);
    this.#secrets = secrets;
  }

  /** Transition: the kubelet sent newer service-account tokens. They are used even if they cannot be stored. */
  tokensChanged(serviceAccountTokens: NonNullable<VolumeSecrets['serviceAccountTokens']>): void {
    if (serviceAccountTokens.reveal() === this.#secrets.serviceAccountTokens?.reveal()) return;
    try {
      this.keepSecrets({ serviceAccountTokens });
    } catch (thrown) {
      this.#secrets = { ...this.#secrets, serviceAccountTokens };
      this.#parts.onWriteFailed(this, asCertfleetError(thrown));
    }
  }

  /** Call before the current request is sent or sent again. */
  requestSent(): void {
    this.#marks = { ...this.#marks, sentAtMs: this.#marks.sentAtMs ?? this.#parts.clock.monotonic() };
  }

  /**
   * Transition: the current request is abandoned; the next one gets another name and key.
   * @throws CertfleetError if this cannot be stored: the old request then stays current
   */
  requestAbandoned(): void {
    this.#assertPresent();
    const { abandoned = 0, refusals = 0 } = this.#record.request ?? {};
    const record = {
      ...this.#record,
      request: { abandoned: abandoned + 1, refusals },
      obsoleteRequests: this.#obsolete(this.nextRequestName),
    };
    this.store.writeRecord(record);
    this.#record = record;
    this.#marks = { ...this.#marks, sentAtMs: undefined };
    this.#dropPendingKey();
  }

  /**
   * Transition: a certificate was issued. The pod sees the new files, or the old ones if this throws.
   * @throws CertfleetError as VolumeStore.writePayload does
   */
  issued({ payload, certificate, cause }: IssuedPayload): IssuedFacts {
    this.#assertPresent();
    try {
      this.store.writePayload(this.volumeId, payload, this.spec.fsGroup);
    } catch (thrown) {
      // A write can fail after the rename that publishes the files; the pod then sees the new files.
      if (this.#payloadFingerprint() !== certificate.fingerprintSha256) throw thrown;
      // A pod that runs already finds the first certificate only by its links, which the failed write may not have made.
      this.store.completePayload(this.volumeId);
      this.#parts.onWriteFailed(this, asCertfleetError(thrown));
    }
    this.#lastCause = cause;
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
    const certificate = readPayloadCertificate(this.store.readPayload(this.volumeId), this.spec);
    if (certificate === undefined) {
      if (this.#record.issued !== undefined) this.#record = { ...this.#record, issued: undefined };
      return false;
    }
    // A kill between the swap of the files and their links leaves a pod that runs already without them.
    if (this.#record.phase === 'published') this.store.completePayload(this.volumeId);
    if (certificate.fingerprintSha256 === this.#record.issued?.fingerprintSha256) return false;
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
    this.#assertPresent();
    if (this.#record.issued !== undefined) this.store.completePayload(this.volumeId);
    const record: VolumeRecord = { ...this.#record, targetPath, phase: 'published' };
    this.store.writeRecord(record);
    this.#record = record;
    this.#reschedule();
  }

  /**
   * Transition: an attempt failed, or has to be continued later.
   * @returns when the next attempt is allowed
   */
  failed(error: CertfleetError): Date {
    const { policy, clock } = this.#parts;
    const kind = policy.kindOf(error);
    const isRefused = kind === 'refused';
    const attempts = this.#failedAttempts + (kind === 'deferred' ? 0 : 1);
    const refusals = (this.#record.request?.refusals ?? 0) + 1;
    const delayMs = policy.retryDelayMs(this.#state, error, { attempts, refusals });
    const at = new Date(clock.now());
    const retryAt = new Date(at.getTime() + delayMs);
    const lastFailure = { at, reason: error.reason ?? 'IssuanceFailed', message: error.message, attempts, retryAt };
    this.#changeRecord({
      ...this.#record,
      request: this.#requestAfter(at, isRefused),
      ...(isRefused && { obsoleteRequests: this.#obsolete(this.nextRequestName) }),
      ...(kind !== 'deferred' && { lastFailure }),
    });
    const sentAtMs = isRefused ? undefined : this.#marks.sentAtMs;
    const retryAtMs = clock.monotonic() + delayMs;
    const deferredUntilMs = kind === 'deferred' ? retryAtMs : undefined;
    this.#marks = { ...this.#marks, sentAtMs, retryAtMs, deferredUntilMs };
    this.#failedAttempts = attempts;
    if (isRefused) this.#dropPendingKey();
    this.#reschedule();
    return retryAt;
  }

  /**
   * Transition: the controller defers the renewal of the current certificate.
   * @throws CertfleetError if this cannot be stored: a restarted agent would renew immediately
   */
  deferred(until: Date): void {
    this.#assertPresent();
    if (this.#record.deferredUntil !== undefined && this.#record.deferredUntil >= until) return;
    const record = { ...this.#record, deferredUntil: until };
    this.store.writeRecord(record);
    this.#record = record;
    this.#reschedule();
  }

  /** Forgets requests that were deleted or belong to another volume. */
  requestsDeleted(names: readonly string[]): void {
    const remaining = this.#record.obsoleteRequests?.filter((name) => !names.includes(name));
    // Stored with the next transition: deleting a request twice costs only one API call.
    this.#record = { ...this.#record, obsoleteRequests: remaining?.length === 0 ? undefined : remaining };
  }

  /**
   * Transition: removal begins. Keys and files are deleted first and the schedule is cleared. If this throws, the
   * caller repeats the removal.
   */
  removing(): void {
    this.#isRemoving = true;
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
    this.#reschedule();
  }

  /** Reschedules the volume after a check that came before it was due. */
  postponed(): void {
    this.#reschedule();
  }

  get isDue(): boolean {
    return !this.#isRemoving && this.#parts.policy.isDue(this.#state);
  }

  /** Milliseconds until automatic renewals are allowed; requests of a person are always allowed. */
  get automaticWaitMs(): number {
    return this.#parts.policy.automaticWaitMs(this.#state);
  }

  /**
   * Milliseconds for which a renewal cannot change anything: a readiness gate is closed, or the certificate is not valid
   * yet.
   */
  get deferredForMs(): number {
    return this.#parts.policy.deferredForMs(this.#state);
  }

  /** Whether the minimum interval since the last success has not elapsed; only a person may renew now. */
  get isTooSoon(): boolean {
    return this.#parts.policy.isTooSoon(this.#state);
  }

  /** Whether the wait after a final refusal has not elapsed. */
  get isBackingOff(): boolean {
    return this.#parts.policy.isBackingOff(this.#state);
  }

  /** Whether to replace the current request because its issuer does not answer it. */
  isRequestIgnored(isRequestedByPerson: boolean): boolean {
    return this.#parts.policy.isRequestIgnored(this.#state, isRequestedByPerson);
  }

  /** How long to keep the current certificate while a new one is not valid yet, in milliseconds. */
  deferralMs(notBefore: Date): number {
    return this.#parts.policy.deferralMs(this.#state, notBefore);
  }

  get #state(): Parameters<AttemptPolicy['due']>[0] {
    return { spec: this.spec, record: this.#record, marks: this.#marks };
  }

  #certificateAccepted(certificate: IssuedCertificateFacts, issuedAt?: Date): IssuedFacts {
    const { clock, policy } = this.#parts;
    const { issued: previous, generation } = this.#record;
    const issued = issuedFacts(certificate, {
      requestName: this.nextRequestName,
      issuedAt: issuedAt ?? new Date(clock.now()),
      renewBeforeMs: this.spec.renewBeforeMs,
    });
    const obsoleteRequests =
      previous?.requestName === undefined ? this.#record.obsoleteRequests : this.#obsolete(previous.requestName);
    // Delete the pending key before the record changes: otherwise the next request would reuse it.
    this.#dropPendingKey();
    const record: VolumeRecord = {
      ...this.#record,
      generation: generation + 1,
      issued,
      lastFailure: undefined,
      deferredUntil: undefined,
      request: undefined,
      obsoleteRequests,
    };
    // The mount that follows writes the record of the first certificate; after a crash before it, `reconcile` finds the
    // files.
    if (record.phase === 'published') this.#changeRecord(record);
    else this.#record = record;
    this.#marks = policy.restoredMarks(this.#record);
    this.#failedAttempts = 0;
    return issued;
  }

  /** Changes the record in memory even if it cannot be stored: `reconcile` recovers without it. */
  #changeRecord(record: VolumeRecord): void {
    try {
      if (!this.#isRemoving) this.store.writeRecord(record);
    } catch (thrown) {
      this.#parts.onWriteFailed(this, asCertfleetError(thrown));
    }
    this.#record = record;
  }

  #dropPendingKey(): void {
    if (this.#secrets.pendingKeyPem === undefined) return;
    const secrets = { ...this.#secrets, pendingKeyPem: undefined };
    try {
      if (!this.#isRemoving) this.store.writeSecrets(this.volumeId, secrets);
    } catch (thrown) {
      this.#parts.onWriteFailed(this, asCertfleetError(thrown));
    }
    this.#secrets = secrets;
  }

  #requestAfter(at: Date, isRefused: boolean): RequestProgress {
    const { abandoned = 0, refusals = 0 } = this.#record.request ?? {};
    const { sentAtMs } = this.#marks;
    if (isRefused) return { abandoned: abandoned + 1, refusals: refusals + 1 };
    if (sentAtMs === undefined) return { abandoned, refusals };
    return { abandoned, refusals, sentAt: new Date(at.getTime() - (this.#parts.clock.monotonic() - sentAtMs)) };
  }

  #obsolete(name: string): readonly string[] {
    return [...(this.#record.obsoleteRequests ?? []), name].slice(-maxObsoleteRequests);
  }

  #payloadFingerprint(): string | undefined {
    try {
      return readPayloadCertificate(this.store.readPayload(this.volumeId), this.spec)?.fingerprintSha256;
    } catch {
      return undefined;
    }
  }

  #reschedule(): void {
    if (this.#isRemoving || !this.#isActive) return;
    const { policy, scheduler } = this.#parts;
    const due = policy.due(this.#state);
    if (due === undefined) scheduler.unschedule(this.volumeId);
    else scheduler.schedule(this.volumeId, due, issuerKey(this.spec));
  }

  #assertPresent(): void {
    if (!this.#isRemoving) return;
    throw new CertfleetError('not-found', `volume ${this.volumeId} is being removed`);
  }
}

export type VolumeStatusSource = Pick<Volume, 'record' | 'failedAttempts'>;

/** The volume's status at `nowMs`, in milliseconds since the epoch. */
export function volumeStatus({ record, failedAttempts }: VolumeStatusSource, nowMs: number): VolumeStatus {
  if (record.issued === undefined) return failedAttempts > 0 ? 'failing' : 'pending';
  if (record.issued.notAfter.getTime() <= nowMs) return 'expired';
  return failedAttempts > 0 ? 'failing' : 'ready';
}

/** Volumes with the same key share an issuer's slots. */
function issuerKey({ issuer, pod }: VolumeSpec): string {
  return `${issuer.group}/${issuer.kind}/${pod.namespace}/${issuer.name}`;
}
