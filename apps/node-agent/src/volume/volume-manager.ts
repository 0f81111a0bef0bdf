import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { Mounter } from '../mount/mounter.ts';
import type { RenewalSlot } from '../renewal/renewal-scheduler.ts';
import type { FileSystem } from '../storage/file-system.ts';
import { splitSecrets } from '../storage/secret-attributes.ts';
import type { VolumeStore } from '../storage/volume-store.ts';
import { timeoutSignal } from './timeout-signal.ts';
import { KeyedLock } from './keyed-lock.ts';
import type { ParseVolume } from './parse-volume.ts';
import { restoreVolume } from './restore-volumes.ts';
import { createTarget, removeTarget } from './target-directory.ts';
import { Volume } from './volume.ts';
import type { VolumeParts } from './volume.ts';
import type { Attempt, VolumeIssuance } from './volume-issuance.ts';
import type { VolumeReporter } from './volume-reporter.ts';
import type { PublishContext, PublishRequest, UnpublishRequest } from './volume-requests.ts';
import type { ActiveMounts } from './active-mounts.ts';

export interface VolumeManagerOptions {
  readonly store: VolumeStore;
  /** For target directories. */
  readonly files: FileSystem;
  readonly mounter: Mounter;
  readonly issuance: VolumeIssuance;
  readonly parts: VolumeParts;
  readonly parseVolume: ParseVolume;
  readonly reporter: VolumeReporter;
  /** Publishes are counted in it; renewals by job wait until it is idle. */
  readonly activeMounts: ActiveMounts;
  readonly clock: Clock;
  readonly continueOnNotReady: boolean;
  readonly issuanceTimeoutMs: number;
  readonly observeMount: (durationMs: number) => void;
  /** Called with the delay of a renewal after its planned time, in milliseconds. */
  readonly observeLag: (lagMs: number) => void;
}

/**
 * Result of a request to replace a certificate. `requested`: the issuer has the request, and the certificate will be
 * stored when it comes; `too-soon` and `backing-off`: the volume's own schedule applies.
 */
export type RenewalOutcome = 'renewed' | 'requested' | 'superseded' | 'too-soon' | 'backing-off' | 'not-here';

/** Result of a request to defer a renewal. */
export type DeferOutcome = 'deferred' | 'superseded' | 'not-here';

/** Mounts take precedence, but a node on which pods start continuously must renew too. */
const maxYieldMs = 5_000;

/** Part of the caller's time that is reserved for writing, mounting and the response. */
const answerReserveMs = 2_000;

/**
 * How long a renewal keeps its slot after its request was made. An issuer that answers promptly gets few requests at
 * once; a slow issuer does not block other volumes.
 */
const slotAfterRequestMs = 2_000;

/** How long a volume that was never published waits after a restart for the kubelet's next publish. */
const unpublishedGraceMs = 15 * 60_000;

/** How long the controller is asked to skip a volume that is not published yet. */
const unpublishedWaitMs = 60_000;

/**
 * After these codes the kubelet considers the mount uncertain and unpublishes the volume when the pod is deleted. After
 * any other code it does not, and a volume kept for a retry might never be removed.
 */
const uncertainCodes: ReadonlySet<string> = new Set([
  'cancelled',
  'deadline-exceeded',
  'unavailable',
  'resource-exhausted',
  'aborted',
]);

/**
 * The volumes of this node. Every change of a volume runs under its lock, so a publish, a renewal and an unpublish
 * never overlap. Work that follows an unpublish finds the volume removed.
 */
export class VolumeManager {
  readonly #options: VolumeManagerOptions;
  readonly #locks = new KeyedLock();
  readonly #volumes = new Map<string, Volume>();
  readonly #stopping = new AbortController();
  /** Volumes of an earlier run that the kubelet has not requested yet, with the function that cancels their wait. */
  readonly #unclaimed = new Map<string, () => void>();
  #onChange: ((volumeId: string) => void) | undefined;

  constructor(options: VolumeManagerOptions) {
    this.#options = options;
  }

  volumes(): Iterable<Volume> {
    return this.#volumes.values();
  }

  volume(volumeId: string): Volume | undefined {
    return this.#volumes.get(volumeId);
  }

  /** Sets the listener for added, changed and removed volumes; there is at most one, undefined removes it. */
  onChange(listener: ((volumeId: string) => void) | undefined): void {
    this.#onChange = listener;
  }

  /** Adds a volume of an earlier run. If it was never published, it is removed unless a publish comes. */
  restored(volume: Volume): void {
    this.#volumes.set(volume.volumeId, volume);
    volume.activate();
    if (volume.record.phase === 'created') this.#discardLater(volume.volumeId);
    this.#onChange?.(volume.volumeId);
  }

  /**
   * Mounts the volume at its target with a valid certificate in it. For a volume that is already mounted there, only
   * newer tokens are stored. A running pod never loses its volume, even on an error.
   * @throws CertfleetError; once the volume exists, always with a code after which the kubelet retries or unpublishes
   */
  publish(request: PublishRequest, context: PublishContext): Promise<void> {
    return this.#options.activeMounts.during(async () => {
      try {
        await this.#publishInTurn(request, context);
      } catch (thrown) {
        const error = asCertfleetError(thrown);
        // A volume that exists must be unpublished when the pod is deleted. A publish at a second target is a final
        // error.
        throw error.code !== 'already-exists' && this.#exists(request.volumeId) ? asUncertain(error) : error;
      }
    });
  }

  async #publishInTurn(request: PublishRequest, context: PublishContext): Promise<void> {
    const known = this.#volumes.get(request.volumeId);
    if (known?.record.phase === 'published' && !known.unpublished.signal.aborted) {
      // Without the lock: a republish of a mounted volume must not wait for a renewal in progress.
      if (await this.#isPublished(request)) return;
      // A later unpublish must not be undone.
      known.unpublished.signal.throwIfAborted();
    }
    this.#claim(request.volumeId);
    const publish = (): Promise<void> => this.#publish(request, context);
    if (!this.#locks.isHeld(request.volumeId)) {
      await this.#locks.run(request.volumeId, publish);
      return;
    }
    const { clock } = this.#options;
    using limit = timeoutSignal(clock, context.deadlineMs - clock.monotonic() - answerReserveMs, [context.signal]);
    await this.#locks.run(request.volumeId, publish, limit.signal);
  }

  #exists(volumeId: string): boolean {
    try {
      return this.#volumes.has(volumeId) || this.#options.store.has(volumeId);
    } catch {
      // An invalid volume id.
      return false;
    }
  }

  /** Unmounts the volume and deletes it, key first. An unknown volume is not an error. */
  async unpublish({ volumeId, targetPath }: UnpublishRequest): Promise<void> {
    this.#volumes.get(volumeId)?.unpublished.abort(new CertfleetError('aborted', 'the volume was unpublished'));
    await this.#locks.run(volumeId, () => this.#remove(volumeId, targetPath));
  }

  /**
   * Renews a volume whose deadline has come, if it still exists and is still due. A job that was in progress at the
   * deadline may have renewed it, or have failed and set the next attempt. Never rejects.
   */
  renew(volumeId: string, slot: RenewalSlot): Promise<void> {
    return this.#locks.run(volumeId, async () => {
      const volume = this.#volumes.get(volumeId);
      if (volume === undefined || volume.isRemoving) return;
      if (!volume.isDue) {
        volume.postponed();
        return;
      }
      await this.#renew(volume, causeOf(volume), { onSlotFree: () => slot.release() }).catch(() => undefined);
    });
  }

  /**
   * Replaces the certificate of one generation after the mounts in progress. The call is idempotent: a repeated call
   * for the same generation issues once.
   * @throws CertfleetError as VolumeIssuance.attempt does; the next attempt is scheduled
   */
  async renewGeneration(volumeId: string, generation: number, isRequestedByPerson = false): Promise<RenewalOutcome> {
    await this.#options.activeMounts.idle(maxYieldMs);
    const requested = Promise.withResolvers<RenewalOutcome>();
    const done = this.#locks.run(volumeId, async (): Promise<RenewalOutcome> => {
      const volume = this.#volumes.get(volumeId);
      if (volume?.record.phase !== 'published' || volume.isRemoving) return 'not-here';
      if (volume.record.generation !== generation) return 'superseded';
      if (!isRequestedByPerson && volume.isTooSoon) return 'too-soon';
      if (!isRequestedByPerson && volume.isBackingOff) return 'backing-off';
      const onSlotFree = (): void => requested.resolve('requested');
      await this.#renew(volume, 'job', { isRequestedByPerson, onSlotFree });
      return 'renewed';
    });
    // A request that only waits for its answer must not block the node's other jobs; the report carries the result.
    return await Promise.race([done, requested.promise]);
  }

  /** Milliseconds for which `renewGeneration` refuses automatic renewals; 0 if it accepts them. */
  automaticWaitMs(volumeId: string): number {
    const volume = this.#volumes.get(volumeId);
    if (volume === undefined || volume.isRemoving) return 0;
    return volume.record.phase === 'published' ? volume.automaticWaitMs : unpublishedWaitMs;
  }

  /** Moves the volume's own deadline because the controller defers the renewal of this generation. */
  deferGeneration(volumeId: string, generation: number, until: Date): Promise<DeferOutcome> {
    return this.#locks.run(volumeId, () => {
      const volume = this.#volumes.get(volumeId);
      if (volume?.record.phase !== 'published' || volume.isRemoving) return Promise.resolve('not-here');
      if (volume.record.generation !== generation) return Promise.resolve('superseded');
      volume.deferred(until);
      this.#onChange?.(volumeId);
      return Promise.resolve('deferred');
    });
  }

  /**
   * Completes a removal that an earlier run began. Never rejects: the kubelet repeats an unpublish that got no answer.
   */
  async resumeRemoval(volumeId: string, targetPath: string | undefined): Promise<void> {
    try {
      await this.#locks.run(volumeId, async () => {
        if (!this.#volumes.has(volumeId)) await this.#remove(volumeId, targetPath);
      });
    } catch (thrown) {
      this.#options.reporter.removalFailed(volumeId, asCertfleetError(thrown));
    }
  }

  /** Ends work in progress; the next start resumes pending requests. */
  stop(): void {
    this.#stopping.abort(new CertfleetError('unavailable', 'the agent is stopping'));
    for (const cancel of this.#unclaimed.values()) cancel();
    this.#unclaimed.clear();
  }

  async #publish(request: PublishRequest, context: PublishContext): Promise<void> {
    const { volumeId, targetPath } = request;
    // A failed removal is completed before the volume is created again.
    if (this.#volumes.get(volumeId)?.isRemoving === true) await this.#remove(volumeId, targetPath);
    if (await this.#isPublished(request)) return;
    const volume = this.#volumes.get(volumeId) ?? (await this.#createOrRestore(request));
    try {
      if (request.serviceAccountTokens !== undefined) volume.tokensChanged(request.serviceAccountTokens);
      await this.#fill(volume, context);
      await this.#mount(volume, targetPath);
    } finally {
      this.#onChange?.(volumeId);
    }
  }

  /** Whether the volume is already mounted at that target; if so, newer tokens are stored. */
  async #isPublished({ volumeId, targetPath, serviceAccountTokens }: PublishRequest): Promise<boolean> {
    const volume = this.#volumes.get(volumeId);
    if (volume?.record.phase !== 'published' || volume.isRemoving) return false;
    const { mounter } = this.#options;
    const [source, presentTarget] = [volume.store.dataPath(volumeId), volume.record.targetPath];
    if (!(await mounter.shows(source, presentTarget))) return false;
    if (presentTarget !== targetPath && !(await mounter.shows(source, targetPath))) {
      const message = `volume ${volumeId} is published at ${presentTarget}, it cannot be published at ${targetPath} as well`;
      throw new CertfleetError('already-exists', message);
    }
    if (!volume.isMountConfirmed) await mounter.makeReadOnly(presentTarget);
    volume.isMountConfirmed = true;
    if (serviceAccountTokens !== undefined) volume.tokensChanged(serviceAccountTokens);
    return true;
  }

  async #createOrRestore(request: PublishRequest): Promise<Volume> {
    const { store, parseVolume, clock, reporter, mounter, parts } = this.#options;
    const { volumeId, targetPath, volumeMountGroup, serviceAccountTokens } = request;
    if (store.has(volumeId)) {
      const restored = restoreVolume(volumeId, { parts, parseVolume });
      if (restored !== undefined) {
        this.#volumes.set(volumeId, restored);
        restored.activate();
        return restored;
      }
      // Its record is damaged; if no pod uses it, it is replaced.
      if (await mounter.isMounted(targetPath)) {
        const message = `volume ${volumeId} is mounted at ${targetPath} and its record cannot be read; delete the pod to replace it`;
        throw new CertfleetError('unavailable', message, { reason: 'MountFailed' });
      }
      store.remove(volumeId);
    }
    const spec = parseVolume(request);
    const { attributes, secrets } = splitSecrets(request.attributes);
    const createdAt = new Date(clock.now());
    const volume = Volume.create(parts, {
      spec,
      record: { volumeId, targetPath, attributes, volumeMountGroup, createdAt, phase: 'created', generation: 0 },
      secrets: { ...secrets, serviceAccountTokens },
    });
    this.#volumes.set(volumeId, volume);
    reporter.attributeWarnings(volume);
    return volume;
  }

  /** Issues the first certificate, unless a valid one exists or the pod may start without it. */
  async #fill(volume: Volume, context: PublishContext): Promise<void> {
    const { continueOnNotReady, clock, issuanceTimeoutMs, issuance } = this.#options;
    const { issued } = volume.record;
    if (continueOnNotReady || (issued !== undefined && issued.notAfter.getTime() > clock.now())) return;
    if (volume.isBackingOff) throw backingOff(volume);
    const abandoned = AbortSignal.any([context.signal, volume.unpublished.signal, this.#stopping.signal]);
    const timeoutMs = Math.min(issuanceTimeoutMs, context.deadlineMs - clock.monotonic() - answerReserveMs);
    using limit = timeoutSignal(clock, timeoutMs, [abandoned]);
    await issuance.attempt(volume, { cause: 'mount', signal: limit.signal, abandoned });
  }

  async #mount(volume: Volume, targetPath: string): Promise<void> {
    const { files, mounter, observeMount, reporter } = this.#options;
    const startedMs = performance.now();
    volume.unpublished.signal.throwIfAborted();
    // Before the mount: from here on only unpublish removes the volume, even on an error.
    volume.published(targetPath);
    try {
      const source = volume.store.dataPath(volume.volumeId);
      if (createTarget(files, targetPath) || !(await mounter.isMounted(targetPath))) {
        await mounter.bindReadOnly(source, targetPath);
      } else if (await mounter.shows(source, targetPath)) {
        // After a crash, the bind mount may not be read-only yet.
        await mounter.makeReadOnly(targetPath);
      } else {
        throw occupiedTarget(volume.volumeId, targetPath);
      }
      volume.isMountConfirmed = true;
    } catch (cause) {
      // Always `unavailable`: the certificate is valid, and the retry must find it instead of requesting another.
      const error = new CertfleetError('unavailable', asCertfleetError(cause).message, {
        reason: 'MountFailed',
        cause,
      });
      reporter.mountFailed(volume, error);
      throw error;
    }
    observeMount(performance.now() - startedMs);
  }

  /** Makes one attempt to renew; the next one is scheduled in any case. */
  async #renew(
    volume: Volume,
    cause: Attempt['cause'],
    {
      onSlotFree,
      isRequestedByPerson = false,
    }: { readonly onSlotFree: () => void; readonly isRequestedByPerson?: boolean },
  ): Promise<void> {
    const { issuance, clock, issuanceTimeoutMs, observeLag } = this.#options;
    const dueAt = volume.record.issued?.renewAt;
    const abandoned = AbortSignal.any([this.#stopping.signal, volume.unpublished.signal]);
    using limit = timeoutSignal(clock, issuanceTimeoutMs, [abandoned]);
    let cancelSlotTimer: (() => void) | undefined;
    // A request that timed out before is likely to time out again.
    const keepSlotMs = volume.failedAttempts > 0 ? 0 : slotAfterRequestMs;
    const onRequested = (): void => {
      cancelSlotTimer?.();
      cancelSlotTimer = clock.schedule(keepSlotMs, onSlotFree);
    };
    try {
      await issuance.attempt(volume, { cause, isRequestedByPerson, signal: limit.signal, abandoned, onRequested });
      if (dueAt !== undefined) observeLag(clock.now() - dueAt.getTime());
    } finally {
      cancelSlotTimer?.();
      if (!volume.isRemoving && !abandoned.aborted && !volume.isScheduled) volume.postponed();
      this.#onChange?.(volume.volumeId);
    }
  }

  /**
   * Deletes the volume's files, unmounts it from its targets and forgets it. After a failure the whole call is
   * repeated.
   */
  async #remove(volumeId: string, targetPath: string | undefined): Promise<void> {
    const { store, mounter, files } = this.#options;
    this.#claim(volumeId);
    const volume = this.#volumes.get(volumeId);
    const targets = new Set([targetPath, volume?.record.targetPath, ...this.#interruptedTargets(volumeId)]);
    if (volume === undefined) store.destroy(volumeId);
    else volume.removing();
    for (const target of targets) {
      if (target === undefined) continue;
      await mounter.unmount(target);
      removeTarget(files, target);
    }
    if (volume === undefined) store.finishRemoval(volumeId);
    else volume.removed();
    this.#volumes.delete(volumeId);
    this.#onChange?.(volumeId);
  }

  /** Targets of a volume whose removal an earlier run began. */
  #interruptedTargets(volumeId: string): (string | undefined)[] {
    if (this.#volumes.has(volumeId)) return [];
    const { store } = this.#options;
    return store.interruptedRemovals().flatMap((each) => (each.volumeId === volumeId ? [each.targetPath] : []));
  }

  /** Ends the wait for the kubelet: it has requested the volume of an earlier run. */
  #claim(volumeId: string): void {
    this.#unclaimed.get(volumeId)?.();
    this.#unclaimed.delete(volumeId);
  }

  /** Removes a volume that was never published, unless the kubelet requests it in time. */
  #discardLater(volumeId: string): void {
    const discard = (): void => {
      if (this.#volumes.get(volumeId)?.record.phase !== 'created') return;
      this.#options.reporter.unclaimedRemoved(volumeId);
      this.unpublish({ volumeId, targetPath: this.#volumes.get(volumeId)?.record.targetPath ?? '' }).catch(
        (thrown: unknown) => {
          this.#options.reporter.removalFailed(volumeId, asCertfleetError(thrown));
          this.#discardLater(volumeId);
        },
      );
    };
    this.#unclaimed.set(volumeId, this.#options.clock.schedule(unpublishedGraceMs, discard));
  }
}

function causeOf({ failedAttempts, record }: Volume): Attempt['cause'] {
  if (record.issued === undefined) return 'mount';
  return failedAttempts > 0 ? 'retry' : 'deadline';
}

/** Makes the kubelet assume that the volume exists, so that it retries or unpublishes when the pod is deleted. */
function asUncertain(error: CertfleetError): CertfleetError {
  if (uncertainCodes.has(error.code)) return error;
  const { reason, retryAfterMs } = error;
  return new CertfleetError('unavailable', error.message, {
    cause: error,
    ...(reason === undefined ? {} : { reason }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function backingOff({ record: { lastFailure } }: Volume): CertfleetError {
  const next =
    lastFailure?.retryAt === undefined ? '' : `; the next request is made at ${lastFailure.retryAt.toISOString()}`;
  const details = lastFailure === undefined ? {} : { reason: lastFailure.reason };
  return new CertfleetError('unavailable', `${lastFailure?.message ?? 'refused'}${next}`, details);
}

function occupiedTarget(volumeId: string, targetPath: string): CertfleetError {
  const message =
    `something other than volume ${volumeId} is mounted at ${targetPath}, possibly from an earlier data directory of the ` +
    'driver; a pod may be using it, so it is kept: delete the pod to get a new volume';
  return new CertfleetError('unavailable', message);
}
