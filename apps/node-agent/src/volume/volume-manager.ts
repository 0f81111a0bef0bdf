import { KeyedLock } from '@certfleet/shared/keyed-lock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { RenewalSlot } from '../renewal/renewal-scheduler.ts';
import { createOrRestoreVolume } from './create-volume.ts';
import { timeoutSignal } from './timeout-signal.ts';
import { asUncertain, backingOff } from './publish-errors.ts';
import { removeVolume } from './remove-volume.ts';
import { causeOfDeadline, refusalOf, renewVolume } from './renew-volume.ts';
import type { DeferOutcome, RenewalOrder, RenewalOutcome } from './renew-volume.ts';
import { UnclaimedVolumes } from './unclaimed-volumes.ts';
import type { Volume } from './volume.ts';
import type { VolumeManagerOptions } from './volume-manager-options.ts';
import { VolumeMounts } from './volume-mounts.ts';
import type { PublishContext, PublishRequest, UnpublishRequest } from './volume-requests.ts';

/** Maximum time that mounts delay a renewal: a node on which pods start constantly must renew too. */
const maxYieldMs = 5_000;

/** Part of the caller's timeout that is reserved for writing, mounting and answering. */
const answerReserveMs = 2_000;

/** How long the controller leaves a volume that the kubelet has not published yet. */
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

  volume(volumeId: string): Volume | undefined {
    return this.#volumes.get(volumeId);
  }

  /** Sets the listener for volumes that were added, changed or removed; one at a time, undefined for none. */
  onChange(listener: ((volumeId: string) => void) | undefined): void {
    this.#onChange = listener;
  }

  /** Adds a restored volume. A volume that was never published is removed if no publish comes for it. */
  restored(volume: Volume): void {
    this.#volumes.set(volume.volumeId, volume);
    volume.activate();
    if (volume.record.phase === 'created') this.#unclaimed.expect(volume.volumeId);
    this.#changed(volume.volumeId);
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
        // The kubelet must unpublish what exists, whatever failed. A volume that is published elsewhere stays so.
        throw error.code !== 'already-exists' && this.#exists(request.volumeId) ? asUncertain(error) : error;
      }
    });
  }

  async #publishInTurn(request: PublishRequest, context: PublishContext): Promise<void> {
    const known = this.#volumes.get(request.volumeId);
    if (known?.record.phase === 'published' && !known.unpublished.signal.aborted) {
      // Without the lock, so that a mounted volume does not wait for a renewal in progress.
      if (await this.#isPublished(request)) return;
      // A later unpublish must not be undone.
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

  #changed(volumeId: string): void {
    this.#options.onVolumeChange?.(volumeId);
    this.#onChange?.(volumeId);
  }

  #exists(volumeId: string): boolean {
    try {
      return this.#volumes.has(volumeId) || this.#options.store.has(volumeId);
    } catch {
      // Not a valid volume id.
      return false;
    }
  }

  /** Unmounts and deletes the volume, key first. An unknown volume is not an error. */
  async unpublish({ volumeId, targetPath }: UnpublishRequest): Promise<void> {
    this.#volumes.get(volumeId)?.unpublished.abort(new CertfleetError('aborted', 'the volume was unpublished'));
    await this.#locks.run(volumeId, () => this.#remove(volumeId, targetPath));
  }

  /** Renews a volume at its deadline if it is still due: a job may have renewed it in the meantime. Never rejects. */
  renew(volumeId: string, slot: RenewalSlot): Promise<void> {
    return this.#locks.run(volumeId, async () => {
      const volume = this.#volumes.get(volumeId);
      if (volume === undefined || volume.isRemoving) return;
      if (!volume.attempts.isDue) {
        volume.postponed();
        return;
      }
      await this.#renew(volume, { cause: causeOfDeadline(volume), onSlotFree: () => slot.release() }).catch(
        () => undefined,
      );
    });
  }

  /**
   * Replaces the certificate of one generation after the mounts in progress. A repeated call causes no second issuance.
   * @throws CertfleetError as VolumeIssuance.attempt does; the next attempt is scheduled
   */
  async renewGeneration(volumeId: string, generation: number, isRequestedByPerson = false): Promise<RenewalOutcome> {
    await this.#options.activeMounts.idle(maxYieldMs);
    const requested = Promise.withResolvers<RenewalOutcome>();
    const done = this.#locks.run(volumeId, async (): Promise<RenewalOutcome> => {
      const volume = this.#volumes.get(volumeId);
      if (volume?.record.phase !== 'published' || volume.isRemoving) return 'not-found';
      if (volume.record.generation !== generation) return 'superseded';
      const refusal = isRequestedByPerson ? undefined : refusalOf(volume);
      if (refusal !== undefined) return refusal;
      const onSlotFree = (): void => requested.resolve('requested');
      await this.#renew(volume, { cause: 'job', isRequestedByPerson, onSlotFree });
      return 'renewed';
    });
    // Do not wait for the issuer's answer: it must not delay other renewals of the node. The report contains the result.
    return await Promise.race([done, requested.promise]);
  }

  /** Milliseconds for which `renewGeneration` refuses automatic renewals; 0 if it does not. */
  automaticWaitMs(volumeId: string): number {
    const volume = this.#volumes.get(volumeId);
    if (volume === undefined || volume.isRemoving) return 0;
    return volume.record.phase === 'published' ? volume.attempts.automaticWaitMs : unpublishedWaitMs;
  }

  /** Milliseconds for which a renewal cannot change anything; 0 if it can. */
  deferredForMs(volumeId: string): number {
    const volume = this.#volumes.get(volumeId);
    return volume?.record.phase !== 'published' || volume.isRemoving ? 0 : volume.attempts.deferredForMs;
  }

  /** Moves the fallback deadline of one generation, as the controller requests. */
  deferGeneration(volumeId: string, generation: number, until: Date): Promise<DeferOutcome> {
    return this.#locks.run(volumeId, () => {
      const volume = this.#volumes.get(volumeId);
      if (volume?.record.phase !== 'published' || volume.isRemoving) return Promise.resolve('not-found');
      if (volume.record.generation !== generation) return Promise.resolve('superseded');
      volume.deferred(until);
      this.#changed(volumeId);
      return Promise.resolve('deferred');
    });
  }

  /**
   * Brings the volume's additional trust in line with its sources.
   * @returns whether its files changed
   * @throws CertfleetError as VolumeTrusts.update does
   */
  updateTrust(volumeId: string): Promise<boolean> {
    return this.#locks.run(volumeId, async () => {
      const volume = this.#volumes.get(volumeId);
      const isChanged = volume !== undefined && (await this.#options.trusts.update(volume));
      if (isChanged) this.#changed(volumeId);
      return isChanged;
    });
  }

  /**
   * Runs a transition of the volume under its lock; of a volume that is gone, none.
   * @throws the error of the transition
   */
  change(volumeId: string, transition: (volume: Volume) => boolean): Promise<void> {
    return this.#locks.run(volumeId, () => {
      const volume = this.#volumes.get(volumeId);
      if (volume !== undefined && transition(volume)) this.#changed(volumeId);
      return Promise.resolve();
    });
  }

  /** Completes a removal that an earlier run began. Never rejects: the kubelet repeats an unanswered unpublish. */
  async resumeRemoval(volumeId: string, targetPath: string | undefined): Promise<void> {
    try {
      await this.#locks.run(volumeId, async () => {
        if (!this.#volumes.has(volumeId)) await this.#remove(volumeId, targetPath);
      });
    } catch (thrown) {
      this.#options.reporter.removalFailed(volumeId, asCertfleetError(thrown));
    }
  }

  /** Aborts the work in progress; the next start resumes pending requests. */
  stop(): void {
    this.#stopping.abort(new CertfleetError('unavailable', 'the agent is stopping'));
    this.#unclaimed.stop();
  }

  async #publish(request: PublishRequest, context: PublishContext): Promise<void> {
    const { volumeId, targetPath } = request;
    // A failed removal is completed before the volume is created again.
    if (this.#volumes.get(volumeId)?.isRemoving === true) await this.#remove(volumeId, targetPath);
    if (await this.#isPublished(request)) return;
    const volume =
      this.#volumes.get(volumeId) ??
      (await createOrRestoreVolume(this.#options, {
        request,
        signal: AbortSignal.any([context.signal, this.#stopping.signal]),
        add: (added) => this.#volumes.set(volumeId, added),
      }));
    try {
      if (request.serviceAccountTokens !== undefined) volume.tokensChanged(request.serviceAccountTokens);
      await this.#fill(volume, context);
      await this.#mounts.mount(volume, targetPath);
    } finally {
      this.#changed(volumeId);
    }
  }

  #isPublished(request: PublishRequest): Promise<boolean> {
    return this.#mounts.isPublished(this.#volumes.get(request.volumeId), request);
  }

  /** Issues the first certificate, unless a valid one exists or the pod may start without it. */
  async #fill(volume: Volume, context: PublishContext): Promise<void> {
    const { continueOnNotReady, clock, issuanceTimeoutMs, issuance } = this.#options;
    const { issued } = volume.record;
    // The pod gets its addresses only after its volumes are mounted.
    if (volume.spec.podVariables.unknown.length > 0) return;
    if (continueOnNotReady || (issued !== undefined && issued.notAfter.getTime() > clock.now())) return;
    if (volume.attempts.isBackingOff) throw backingOff(volume);
    const abandoned = AbortSignal.any([context.signal, volume.unpublished.signal, this.#stopping.signal]);
    const timeoutMs = Math.min(issuanceTimeoutMs, context.deadlineMs - clock.monotonic() - answerReserveMs);
    using limit = timeoutSignal(clock, timeoutMs, [abandoned]);
    await issuance.attempt(volume, { cause: 'mount', signal: limit.signal, abandoned });
  }

  #renew(volume: Volume, order: RenewalOrder): Promise<void> {
    const onChange = (volumeId: string): void => this.#changed(volumeId);
    return renewVolume({ ...this.#options, onChange, stopping: this.#stopping.signal }, volume, order);
  }

  /** Removes the volume and forgets it. */
  async #remove(volumeId: string, targetPath: string | undefined): Promise<void> {
    this.#unclaimed.claim(volumeId);
    const parts = { store: this.#options.store, mounts: this.#mounts };
    await removeVolume(parts, { volumeId, volume: this.#volumes.get(volumeId), targetPath });
    this.#volumes.delete(volumeId);
    this.#changed(volumeId);
  }

  /** Removes a volume that was never published if the kubelet has not returned in time. */
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
