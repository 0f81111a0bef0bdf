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

/** What the manager works with. */
export interface VolumeManagerOptions {
  readonly store: VolumeStore;
  /** For target directories. */
  readonly files: FileSystem;
  readonly mounter: Mounter;
  readonly issuance: VolumeIssuance;
  readonly parts: VolumeParts;
  readonly parseVolume: ParseVolume;
  readonly reporter: VolumeReporter;
  /** Publishes are counted in it, and renewals that were ordered wait for its end. */
  readonly activeMounts: ActiveMounts;
  readonly clock: Clock;
  readonly continueOnNotReady: boolean;
  readonly issuanceTimeoutMs: number;
  readonly observeMount: (durationMs: number) => void;
  /** Told how late a renewal was after its time, in milliseconds. */
  readonly observeLag: (lagMs: number) => void;
}

/**
 * What came of the order to replace a certificate. `requested`: the issuer has the request, and its answer is stored when
 * it comes; `too-soon` and `backing-off`: the volume's own schedule decides.
 */
export type RenewalOutcome = 'renewed' | 'requested' | 'superseded' | 'too-soon' | 'backing-off' | 'not-here';

/** What came of the order to defer a renewal. */
export type DeferOutcome = 'deferred' | 'superseded' | 'not-here';

/** Mounts go first, but a node on which pods start without end must renew too. */
const maxYieldMs = 5_000;

/** So much of the caller's time is kept for writing, mounting and answering. */
const answerReserveMs = 2_000;

/**
 * How long a renewal keeps its slot after its request was made. Issuers that answer promptly are asked for few
 * certificates at once; one that does not holds up no other volume.
 */
const slotAfterRequestMs = 2_000;

/** How long a volume that was never published waits after a restart for the kubelet to come back for it. */
const unpublishedGraceMs = 15 * 60_000;

/** How long the controller is asked to leave a volume alone that the kubelet has not published yet. */
const unpublishedWaitMs = 60_000;

/**
 * After these the kubelet takes the mount for uncertain, and unpublishes it when the pod goes; after any other error it
 * does not, and nothing of the volume might be kept for a next try that may never come.
 */
const uncertainCodes: ReadonlySet<string> = new Set([
  'cancelled',
  'deadline-exceeded',
  'unavailable',
  'resource-exhausted',
  'aborted',
]);

/**
 * The volumes of this node. Everything that changes a volume runs under that volume's lock, so a publish, a renewal and an
 * unpublish never meet; what comes after an unpublish finds the volume gone.
 */
export class VolumeManager {
  readonly #options: VolumeManagerOptions;
  readonly #locks = new KeyedLock();
  readonly #volumes = new Map<string, Volume>();
  readonly #stopping = new AbortController();
  /** Volumes of an earlier run that the kubelet has not asked for yet, with what ends their wait. */
  readonly #unclaimed = new Map<string, () => void>();
  #onChange: ((volumeId: string) => void) | undefined;

  constructor(options: VolumeManagerOptions) {
    this.#options = options;
  }

  volumes(): Iterable<Volume> {
    return this.#volumes.values();
  }

  /** The volume of this id, while the node has it. */
  volume(volumeId: string): Volume | undefined {
    return this.#volumes.get(volumeId);
  }

  /** Calls back whenever a volume has come, changed or gone; one listener at a time, undefined for none. */
  onChange(listener: ((volumeId: string) => void) | undefined): void {
    this.#onChange = listener;
  }

  /** Takes a volume that an earlier run left. One that was never published is removed if no publish comes for it. */
  restored(volume: Volume): void {
    this.#volumes.set(volume.volumeId, volume);
    volume.activate();
    if (volume.record.phase === 'created') this.#discardLater(volume.volumeId);
    this.#onChange?.(volume.volumeId);
  }

  /**
   * Brings the volume to its target with a valid certificate in it; of one that is there already only newer tokens are
   * kept. A running pod's volume is never taken from it, whatever fails.
   * @throws CertfleetError; once the volume exists, always with a code after which the kubelet comes back or unpublishes
   */
  publish(request: PublishRequest, context: PublishContext): Promise<void> {
    return this.#options.activeMounts.during(async () => {
      try {
        await this.#publishInTurn(request, context);
      } catch (thrown) {
        const error = asCertfleetError(thrown);
        // Whatever failed: what exists must be unpublished when the pod goes. That it is published elsewhere is final.
        throw error.code !== 'already-exists' && this.#exists(request.volumeId) ? asUncertain(error) : error;
      }
    });
  }

  async #publishInTurn(request: PublishRequest, context: PublishContext): Promise<void> {
    const known = this.#volumes.get(request.volumeId);
    if (known?.record.phase === 'published' && !known.unpublished.signal.aborted) {
      // Without the lock: a mount that is there must not wait for a renewal that is in progress.
      if (await this.#isPublished(request)) return;
      // An unpublish that was asked for later must not be undone.
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
      // An id that names no volume.
      return false;
    }
  }

  /** Takes the volume from its target and deletes it, key first; one that is not there is no error. */
  async unpublish({ volumeId, targetPath }: UnpublishRequest): Promise<void> {
    this.#volumes.get(volumeId)?.unpublished.abort(new CertfleetError('aborted', 'the volume was unpublished'));
    await this.#locks.run(volumeId, () => this.#remove(volumeId, targetPath));
  }

  /**
   * Renews a volume whose deadline came, if it is still here and still due: a job that was in progress when it came has
   * done the work, or has failed and said when to try next. Never rejects.
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
   * Replaces the certificate of one generation, once the mounts in progress are done. Whatever the volume has become
   * meanwhile decides: twice the same order makes one issuance.
   * @returns what came of it
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
    // An order whose answer is only waited for must not keep others of the node waiting; the report is its answer.
    return await Promise.race([done, requested.promise]);
  }

  /** For how many milliseconds from now on `renewGeneration` refuses automatic renewals; 0 when it does not. */
  automaticWaitMs(volumeId: string): number {
    const volume = this.#volumes.get(volumeId);
    if (volume === undefined || volume.isRemoving) return 0;
    return volume.record.phase === 'published' ? volume.automaticWaitMs : unpublishedWaitMs;
  }

  /** Lets the volume's own deadline wait until a time: the controller defers the renewal of this generation. */
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

  /** Ends a removal that an earlier run began. Never rejects: the kubelet repeats an unpublish that was not answered. */
  async resumeRemoval(volumeId: string, targetPath: string | undefined): Promise<void> {
    try {
      await this.#locks.run(volumeId, async () => {
        if (!this.#volumes.has(volumeId)) await this.#remove(volumeId, targetPath);
      });
    } catch (thrown) {
      this.#options.reporter.removalFailed(volumeId, asCertfleetError(thrown));
    }
  }

  /** Ends what is in progress; pending requests are resumed by the next start. */
  stop(): void {
    this.#stopping.abort(new CertfleetError('unavailable', 'the agent is stopping'));
    for (const cancel of this.#unclaimed.values()) cancel();
    this.#unclaimed.clear();
  }

  async #publish(request: PublishRequest, context: PublishContext): Promise<void> {
    const { volumeId, targetPath } = request;
    // A removal that failed is completed before the volume is made anew.
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

  /** Whether the volume is at that target already; newer tokens are kept then. */
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
      const left = restoreVolume(volumeId, { parts, parseVolume });
      if (left !== undefined) {
        this.#volumes.set(volumeId, left);
        left.activate();
        return left;
      }
      // Its record is damaged; with no pod on it, it may make room.
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

  /** Issues the first certificate, unless one that is still valid is there or the pod may start without it. */
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
    // Before the mount: from here on nothing but unpublish removes the volume, whatever fails.
    volume.published(targetPath);
    try {
      const source = volume.store.dataPath(volume.volumeId);
      if (createTarget(files, targetPath) || !(await mounter.isMounted(targetPath))) {
        await mounter.bindReadOnly(source, targetPath);
      } else if (await mounter.shows(source, targetPath)) {
        // A kill may have left it between the bind and the step that makes it read-only.
        await mounter.makeReadOnly(targetPath);
      } else {
        throw occupiedTarget(volume.volumeId, targetPath);
      }
      volume.isMountConfirmed = true;
    } catch (cause) {
      // Unavailable, whatever it was: the certificate is good, and the next try must find it instead of asking again.
      const error = new CertfleetError('unavailable', asCertfleetError(cause).message, {
        reason: 'MountFailed',
        cause,
      });
      reporter.mountFailed(volume, error);
      throw error;
    }
    observeMount(performance.now() - startedMs);
  }

  /** One attempt to renew; the next is scheduled either way. */
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
    // A request that was waited for in vain before is likely to be so again.
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

  /** Destroys the volume, takes it from its targets and forgets it. A call that failed is repeated as a whole. */
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

  /** Where a volume was mounted whose removal an earlier run began. */
  #interruptedTargets(volumeId: string): (string | undefined)[] {
    if (this.#volumes.has(volumeId)) return [];
    const { store } = this.#options;
    return store.interruptedRemovals().flatMap((each) => (each.volumeId === volumeId ? [each.targetPath] : []));
  }

  /** The kubelet has come for a volume of an earlier run: it is the kubelet's again. */
  #claim(volumeId: string): void {
    this.#unclaimed.get(volumeId)?.();
    this.#unclaimed.delete(volumeId);
  }

  /** Removes a volume that was never published, unless the kubelet comes for it in time. */
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

/** Tells the kubelet in any case that the volume exists: it comes back, or unpublishes when the pod goes. */
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
    `something else than volume ${volumeId} is mounted at ${targetPath}, perhaps from an earlier data directory of the ` +
    'driver; it is left alone because a pod may be using it: delete the pod to get a new volume';
  return new CertfleetError('unavailable', message);
}
