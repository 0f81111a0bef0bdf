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

/** What volumes are built with; the same for all of a node. */
export interface VolumeParts {
  readonly store: VolumeStore;
  readonly policy: AttemptPolicy;
  readonly scheduler: Pick<RenewalScheduler, 'schedule' | 'unschedule' | 'isScheduled'>;
  readonly clock: Clock;
  /** Told of a write that failed without making the transition fail; it is repeated by the next transition. */
  readonly onWriteFailed: (volume: Volume, error: CertfleetError) => void;
}

/** What is known of a volume before it exists. */
export interface VolumeContents {
  readonly spec: VolumeSpec;
  readonly record: VolumeRecord;
  readonly secrets: VolumeSecrets;
}

/** A certificate that was verified, and the files that show it. */
export interface IssuedPayload {
  readonly payload: Payload;
  readonly certificate: IssuedCertificateFacts;
  readonly cause: IssuanceCause;
}

/** Requests that could not be deleted yet are remembered up to this number; the garbage collector takes the rest with the pod. */
const maxObsoleteRequests = 32;

/**
 * One volume of this node: the state machine that owns its record, secrets, files and schedule.
 *
 * Only the transitions below change any of them, always in the same order: what is durable, then memory, then the
 * schedule. After each the volume is scheduled, or waits for a retry of the kubelet (phase `created`, or a removal that
 * failed), or is gone. The caller holds the volume's lock.
 */
export class Volume {
  readonly volumeId: string;
  readonly spec: VolumeSpec;
  readonly store: VolumeStore;
  /** Aborted when the volume is unpublished: whatever is in progress for it ends. */
  readonly unpublished = new AbortController();
  readonly #parts: VolumeParts;
  #record: VolumeRecord;
  #secrets: VolumeSecrets;
  #marks: AttemptMarks = {};
  #failedAttempts = 0;
  #lastCause: IssuanceCause | undefined;
  #isRemoving = false;
  /** Whether a renewal that starts finds the volume; nothing is scheduled before. */
  #isActive = true;
  /** Whether this run of the agent has seen the volume mounted at its target, read-only. */
  isMountConfirmed = false;
  /** How long the last attempt took, in milliseconds; undefined when this run of the agent has made none. */
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
   * Transition: a volume that the kubelet asks for. It waits for the kubelet's publish to be completed.
   * @throws CertfleetError as VolumeStore.create does; nothing is left then
   */
  static create(parts: VolumeParts, contents: VolumeContents): Volume {
    parts.store.create(contents.record, contents.secrets);
    return new Volume(parts, contents);
  }

  /**
   * Transition: a volume that an earlier run left, as its files say it is. It is scheduled by `activate`.
   * @throws CertfleetError when its files cannot be read now
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

  /** What brought about the present certificate; undefined when an earlier run of the agent did. */
  get lastCause(): IssuanceCause | undefined {
    return this.#lastCause;
  }

  /** Whether its removal has begun: nothing but the removal may be done with it. */
  get isRemoving(): boolean {
    return this.#isRemoving;
  }

  get isScheduled(): boolean {
    return this.#parts.scheduler.isScheduled(this.volumeId);
  }

  /**
   * The name of the next request: the pod's name for the reader, a hash of the volume id so that two volumes never meet,
   * the generation so that the same attempt after a kill finds the same request, and how many requests of this generation
   * were given up.
   */
  get nextRequestName(): string {
    const { spec, volumeId } = this;
    const hash = createHash('sha256').update(volumeId).digest('hex').slice(0, 12);
    const abandoned = this.#record.request?.abandoned ?? 0;
    return `${requestBaseName(spec.pod.name)}-${hash}-${this.#record.generation + 1}${abandoned === 0 ? '' : `-${abandoned}`}`;
  }

  /**
   * Changes some of the secrets.
   * @throws CertfleetError not-found when the volume was removed, or as VolumeStore.writeSecrets does
   */
  keepSecrets(change: VolumeSecrets): void {
    this.#assertPresent();
    const secrets = { ...this.#secrets, ...change };
    this.store.writeSecrets(this.volumeId, secrets);
    this.#secrets = secrets;
  }

  /** Transition: the kubelet sent newer service-account tokens. They are used even when they cannot be written down. */
  tokensChanged(serviceAccountTokens: NonNullable<VolumeSecrets['serviceAccountTokens']>): void {
    if (serviceAccountTokens.reveal() === this.#secrets.serviceAccountTokens?.reveal()) return;
    try {
      this.keepSecrets({ serviceAccountTokens });
    } catch (thrown) {
      this.#secrets = { ...this.#secrets, serviceAccountTokens };
      this.#parts.onWriteFailed(this, asCertfleetError(thrown));
    }
  }

  /** The present request is about to be sent, or sent again. */
  requestSent(): void {
    this.#marks = { ...this.#marks, sentAtMs: this.#marks.sentAtMs ?? this.#parts.clock.monotonic() };
  }

  /**
   * Transition: the present request is of no more use, the next one gets another name and key.
   * @throws CertfleetError when that cannot be written down: the old request stays the present one
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
      // After its decisive rename a write may still fail; then the new files are what the pod sees.
      if (this.#payloadFingerprint() !== certificate.fingerprintSha256) throw thrown;
      this.#parts.onWriteFailed(this, asCertfleetError(thrown));
    }
    this.#lastCause = cause;
    const issued = this.#certificateAccepted(certificate);
    this.#reschedule();
    return issued;
  }

  /**
   * Transition: the files decide. Newer ones beside an older record, as a kill or a failed write leaves them, are the
   * present certificate; without a certificate that can be read, one is to be issued.
   * @returns whether a newer certificate was found
   * @throws CertfleetError when the files cannot be read
   */
  reconcile(): boolean {
    const certificate = readPayloadCertificate(this.store.readPayload(this.volumeId), this.spec);
    if (certificate === undefined) {
      if (this.#record.issued !== undefined) this.#record = { ...this.#record, issued: undefined };
      return false;
    }
    if (certificate.fingerprintSha256 === this.#record.issued?.fingerprintSha256) return false;
    // It was issued when its files were written, perhaps long ago: renew-before is reckoned from then.
    const now = this.#parts.clock.now();
    const writtenMs = this.store.payloadWrittenAt(this.volumeId)?.getTime() ?? now;
    this.#certificateAccepted(certificate, new Date(Math.min(now, writtenMs)));
    this.#reschedule();
    return true;
  }

  /**
   * Transition: the volume is about to be mounted at the target, and a pod may use it from then on.
   * @throws CertfleetError when that cannot be written down, or when a file cannot be shown: it must not be mounted then
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
   * @returns when the next one is allowed
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
    this.#marks = { ...this.#marks, sentAtMs, retryAtMs: clock.monotonic() + delayMs };
    this.#failedAttempts = attempts;
    if (isRefused) this.#dropPendingKey();
    this.#reschedule();
    return retryAt;
  }

  /**
   * Transition: the controller defers the renewal of the present certificate.
   * @throws CertfleetError when that cannot be written down: a restarted agent would renew at once
   */
  deferred(until: Date): void {
    this.#assertPresent();
    if (this.#record.deferredUntil !== undefined && this.#record.deferredUntil >= until) return;
    const record = { ...this.#record, deferredUntil: until };
    this.store.writeRecord(record);
    this.#record = record;
    this.#reschedule();
  }

  /** Requests that were deleted, or that are not this volume's to delete. */
  requestsDeleted(names: readonly string[]): void {
    const remaining = this.#record.obsoleteRequests?.filter((name) => !names.includes(name));
    // Written with the next transition: deleting one that is gone costs one request.
    this.#record = { ...this.#record, obsoleteRequests: remaining?.length === 0 ? undefined : remaining };
  }

  /**
   * Transition: the volume is being removed. Keys and files go first; nothing is scheduled any more. When this throws, the
   * removal is repeated by the caller.
   */
  removing(): void {
    this.#isRemoving = true;
    this.#parts.scheduler.unschedule(this.volumeId);
    this.store.destroy(this.volumeId);
  }

  /** Transition: nothing is mounted from the volume any more, and its last trace goes. */
  removed(): void {
    this.store.finishRemoval(this.volumeId);
  }

  /** Schedules a restored volume, once whoever renews can find it. */
  activate(): void {
    this.#isActive = true;
    this.#reschedule();
  }

  /** Schedules the volume anew when it was looked at before it was due. */
  postponed(): void {
    this.#reschedule();
  }

  /** Whether the volume's own schedule asks for an attempt now. */
  get isDue(): boolean {
    return !this.#isRemoving && this.#parts.policy.isDue(this.#state);
  }

  /** For how many milliseconds only a person's order may renew. */
  get automaticWaitMs(): number {
    return this.#parts.policy.automaticWaitMs(this.#state);
  }

  /** Whether the last success is so recent that only a person's order may renew. */
  get isTooSoon(): boolean {
    return this.#parts.policy.isTooSoon(this.#state);
  }

  /** Whether the wait after a final refusal is not over. */
  get isBackingOff(): boolean {
    return this.#parts.policy.isBackingOff(this.#state);
  }

  /** Whether the present request is to be replaced because its issuer does not answer it. */
  isRequestIgnored(isRequestedByPerson: boolean): boolean {
    return this.#parts.policy.isRequestIgnored(this.#state, isRequestedByPerson);
  }

  /** How long to keep the present certificate while a new one is not valid yet, in milliseconds. */
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
    // The key of this request goes before the record says so, or it would be taken for that of the next one.
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
    // The first certificate's record is written by the mount that follows; a kill before it finds newer files.
    if (record.phase === 'published') this.#changeRecord(record);
    else this.#record = record;
    this.#marks = policy.restoredMarks(this.#record);
    this.#failedAttempts = 0;
    return issued;
  }

  /** A change that holds for this run even if it cannot be written down: `reconcile` finds its way without it. */
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

  /** The requests of this generation after an attempt that failed at a time. */
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

/** What a volume's status follows from. */
export type VolumeStatusSource = Pick<Volume, 'record' | 'failedAttempts'>;

/** A volume's status at a time, in milliseconds since the epoch. */
export function volumeStatus({ record, failedAttempts }: VolumeStatusSource, nowMs: number): VolumeStatus {
  if (record.issued === undefined) return failedAttempts > 0 ? 'failing' : 'pending';
  if (record.issued.notAfter.getTime() <= nowMs) return 'expired';
  return failedAttempts > 0 ? 'failing' : 'ready';
}

/** Volumes whose renewals share an issuer's slots. */
function issuerKey({ issuer, pod }: VolumeSpec): string {
  return `${issuer.group}/${issuer.kind}/${pod.namespace}/${issuer.name}`;
}
