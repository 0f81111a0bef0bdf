import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { Mounter } from '../mount/mounter.ts';
import type { RenewalSlot } from '../renewal/renewal-scheduler.ts';
import type { FileSystem } from '../storage/file-system.ts';
import type { VolumeStore } from '../storage/volume-store.ts';
import { createOrRestoreVolume } from './create-volume.ts';
import { timeoutSignal } from './timeout-signal.ts';
import { KeyedLock } from './keyed-lock.ts';
import type { ParseVolume } from './parse-volume.ts';
import { asUncertain, backingOff } from './publish-errors.ts';
import { causeOfDeadline, renewVolume } from './renew-volume.ts';
import type { RenewalOrder } from './renew-volume.ts';
import { UnclaimedVolumes } from './unclaimed-volumes.ts';
import type { Volume, VolumeParts } from './volume.ts';
import type { VolumeIssuance } from './volume-issuance.ts';
import { VolumeMounts } from './volume-mounts.ts';
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
 * it comes; `too-soon`, `backing-off` and `deferred`: the volume's own schedule decides.
 */
export type RenewalOutcome =
  'renewed' | 'requested' | 'superseded' | 'too-soon' | 'backing-off' | 'deferred' | 'not-here';

/** What came of the order to defer a renewal. */
export type DeferOutcome = 'deferred' | 'superseded' | 'not-here';

/** Mounts go first, but a node on which pods start without end must renew too. */
const maxYieldMs = 5_000;

/** So much of the caller's time is kept for writing, mounting and answering. */
const answerReserveMs = 2_000;

/** How long the controller is asked to leave a volume alone that the kubelet has not published yet. */
const unpublishedWaitMs = 60_000;

/**
 * The volumes of this node. Everything that changes a volume runs under that volume's lock, so a publish, a renewal and an
 * unpublish never meet; what comes after an unpublish finds the volume gone.
 */
export class VolumeManager {
  readonly #options: VolumeManagerOptions;
  readonly #locks = new KeyedLock();
  readonly #volumes = new Map<string, Volume>();
  readonly #stopping = new AbortController();
  readonly #unclaimed: UnclaimedVolumes;
  readonly #mounts: VolumeMounts;
  #onChange: ((volumeId: string) => void) | undefined;

  constructor(options: VolumeManagerOptions) {
    this.#options = options;
    this.#mounts = new VolumeMounts(options);
    this.#unclaimed = new UnclaimedVolumes(options.clock, (volumeId) => this.#discardUnclaimed(volumeId));
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
    if (volume.record.phase === 'created') this.#unclaimed.expect(volume.volumeId);
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
    this.#unclaimed.claim(request.volumeId);
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
      await this.#renew(volume, { cause: causeOfDeadline(volume), onSlotFree: () => slot.release() }).catch(
        () => undefined,
      );
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
      if (!isRequestedByPerson && volume.deferredForMs > 0) return 'deferred';
      const onSlotFree = (): void => requested.resolve('requested');
      await this.#renew(volume, { cause: 'job', isRequestedByPerson, onSlotFree });
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

  /** For how many milliseconds from now on a renewal of the volume could bring nothing new; 0 when it could. */
  deferredForMs(volumeId: string): number {
    const volume = this.#volumes.get(volumeId);
    return volume?.record.phase !== 'published' || volume.isRemoving ? 0 : volume.deferredForMs;
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
    this.#unclaimed.stop();
  }

  async #publish(request: PublishRequest, context: PublishContext): Promise<void> {
    const { volumeId, targetPath } = request;
    // A removal that failed is completed before the volume is made anew.
    if (this.#volumes.get(volumeId)?.isRemoving === true) await this.#remove(volumeId, targetPath);
    if (await this.#isPublished(request)) return;
    const volume =
      this.#volumes.get(volumeId) ??
      (await createOrRestoreVolume(this.#options, request, (added) => this.#volumes.set(volumeId, added)));
    try {
      if (request.serviceAccountTokens !== undefined) volume.tokensChanged(request.serviceAccountTokens);
      await this.#fill(volume, context);
      await this.#mounts.mount(volume, targetPath);
    } finally {
      this.#onChange?.(volumeId);
    }
  }

  #isPublished(request: PublishRequest): Promise<boolean> {
    return this.#mounts.isPublished(this.#volumes.get(request.volumeId), request);
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

  #renew(volume: Volume, order: RenewalOrder): Promise<void> {
    const onChange = (volumeId: string): void => this.#onChange?.(volumeId);
    return renewVolume({ ...this.#options, onChange, stopping: this.#stopping.signal }, volume, order);
  }

  /** Destroys the volume, takes it from its targets and forgets it. A call that failed is repeated as a whole. */
  async #remove(volumeId: string, targetPath: string | undefined): Promise<void> {
    const { store } = this.#options;
    this.#unclaimed.claim(volumeId);
    const volume = this.#volumes.get(volumeId);
    // Where a volume was mounted whose removal an earlier run began.
    const interrupted =
      volume === undefined ? store.interruptedRemovals().filter((each) => each.volumeId === volumeId) : [];
    const targets = new Set([targetPath, volume?.record.targetPath, ...interrupted.map((each) => each.targetPath)]);
    if (volume === undefined) store.destroy(volumeId);
    else volume.removing();
    for (const target of targets) {
      if (target === undefined) continue;
      await this.#mounts.unmount(target);
    }
    if (volume === undefined) store.finishRemoval(volumeId);
    else volume.removed();
    this.#volumes.delete(volumeId);
    this.#onChange?.(volumeId);
  }

  /** Removes a volume that was never published and that the kubelet has not come for in time. */
  #discardUnclaimed(volumeId: string): void {
    const { reporter } = this.#options;
    const record = this.#volumes.get(volumeId)?.record;
    if (record?.phase !== 'created') return;
    reporter.unclaimedRemoved(volumeId);
    this.unpublish({ volumeId, targetPath: record.targetPath }).catch((thrown: unknown) => {
      reporter.removalFailed(volumeId, asCertfleetError(thrown));
      this.#unclaimed.expect(volumeId);
    });
  }
}
