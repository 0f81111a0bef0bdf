import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { Mounter } from '../mount/mounter.ts';
import type { FileSystem } from '../storage/file-system.ts';
import { splitSecrets } from '../storage/secret-attributes.ts';
import type { VolumeStore } from '../storage/volume-store.ts';
import { deadline } from './deadline.ts';
import { KeyedLock } from './keyed-lock.ts';
import { changeSecrets } from './managed-volume.ts';
import type { ManagedVolume } from './managed-volume.ts';
import type { ParseVolume } from './parse-volume.ts';
import { createTarget, removeTarget } from './target-directory.ts';
import type { VolumeIssuance } from './volume-issuance.ts';
import type { VolumeRenewals } from './volume-renewals.ts';
import type { VolumeReporter } from './volume-reporter.ts';
import type { WorkUnderWay } from './work-under-way.ts';
import type { PublishContext, PublishRequest, UnpublishRequest } from './volume-requests.ts';

/** What the manager works with. */
export interface VolumeManagerOptions {
  readonly store: VolumeStore;
  /** For target directories. */
  readonly files: FileSystem;
  readonly mounter: Mounter;
  readonly issuance: VolumeIssuance;
  readonly renewals: VolumeRenewals;
  readonly parseVolume: ParseVolume;
  readonly reporter: VolumeReporter;
  /** Publishes are counted in it, and renewals that were ordered wait for its end. */
  readonly mountsUnderWay: WorkUnderWay;
  readonly clock: Clock;
  readonly continueOnNotReady: boolean;
  readonly issuanceTimeoutMs: number;
  readonly observeMount: (durationMs: number) => void;
}

/** What came of the order to replace a certificate. */
export type RenewalOutcome = 'renewed' | 'superseded' | 'not-here';

/** What came of the word that a renewal is held. */
export type HoldOutcome = 'held' | 'superseded' | 'not-here';

/** Mounts go first, but a node on which pods start without end must renew too. */
const longestYieldMs = 5_000;

/** So much of the caller's time is kept for writing, mounting and answering. */
const answerReserveMs = 2_000;

/**
 * After these the kubelet takes the mount for uncertain and unpublishes it when the pod goes; after any other error it
 * does not, so nothing of the volume may be kept for a next try that may never come.
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
  readonly #volumes = new Map<string, ManagedVolume>();
  readonly #stopping = new AbortController();
  #onChange: ((volumeId: string) => void) | undefined;

  constructor(options: VolumeManagerOptions) {
    this.#options = options;
  }

  volumes(): Iterable<ManagedVolume> {
    return this.#volumes.values();
  }

  /** The volume of this id, while the node has it. */
  volume(volumeId: string): ManagedVolume | undefined {
    return this.#volumes.get(volumeId);
  }

  /** Calls back whenever a volume has come, changed or gone; one listener at a time, undefined for none. */
  onChange(listener: ((volumeId: string) => void) | undefined): void {
    this.#onChange = listener;
  }

  /** Takes up a volume that stands on the node already. */
  resume(volume: ManagedVolume): void {
    this.#volumes.set(volume.volumeId, volume);
    if (volume.record.phase === 'published') this.#options.renewals.scheduleNext(volume);
  }

  /**
   * Brings the volume to its target with a valid certificate in it; of one that is there already only newer tokens are
   * kept. A running pod's volume is never taken from it, whatever fails.
   */
  publish(request: PublishRequest, context: PublishContext): Promise<void> {
    return this.#options.mountsUnderWay.during(() => this.#publish(request, context));
  }

  #publish(request: PublishRequest, context: PublishContext): Promise<void> {
    return this.#locks.run(request.volumeId, async () => {
      const known = this.#volumes.get(request.volumeId);
      if (known !== undefined) keepTokens(known, request);
      if (known?.record.phase === 'published' && (await this.#isPublishedAt(known, request.targetPath))) return;
      const volume = known ?? (await this.#create(request));
      try {
        await this.#fill(volume, context);
        await this.#mount(volume, request.targetPath);
      } catch (thrown) {
        const error = asCertfleetError(thrown);
        this.#options.reporter.issuanceFailed(volume, 'mount', error);
        if (!uncertainCodes.has(error.code) && volume.record.phase === 'created') this.#forget(volume);
        throw error;
      } finally {
        this.#onChange?.(request.volumeId);
      }
    });
  }

  /** Takes the volume from its target and deletes it, key and all; one that is not there is no error. */
  async unpublish({ volumeId, targetPath }: UnpublishRequest): Promise<void> {
    this.#volumes.get(volumeId)?.unpublished.abort(new CertfleetError('aborted', 'the volume was unpublished'));
    await this.#locks.run(volumeId, async () => {
      const volume = this.#volumes.get(volumeId);
      await this.#takeFrom(targetPath);
      // One inline volume has one target; were it mounted at another, that mount would show a deleted directory for ever.
      if (volume !== undefined && volume.record.targetPath !== targetPath)
        await this.#takeFrom(volume.record.targetPath);
      if (volume === undefined) this.#options.store.remove(volumeId);
      else this.#forget(volume);
    });
  }

  /**
   * Renews a volume whose deadline came, if it is still here. A job that was under way when it came has done the work,
   * or has failed and said when to try next. Never rejects.
   */
  renew(volumeId: string): Promise<void> {
    return this.#locks.run(volumeId, async () => {
      const volume = this.#volumes.get(volumeId);
      if (volume === undefined || this.#options.renewals.isScheduled(volume)) return;
      await this.#options.renewals.renew(volume, this.#stopping.signal);
      this.#onChange?.(volumeId);
    });
  }

  /**
   * Replaces the certificate of one generation, once the mounts under way are done. Whatever the volume has become
   * meanwhile decides: twice the same order makes one issuance.
   * @returns what came of it
   * @throws CertfleetError as VolumeIssuance.issue does; the next try is scheduled
   */
  async renewGeneration(volumeId: string, generation: number): Promise<RenewalOutcome> {
    await this.#options.mountsUnderWay.idle(longestYieldMs);
    return this.#locks.run(volumeId, async () => {
      const volume = this.#volumes.get(volumeId);
      if (volume?.record.phase !== 'published') return 'not-here';
      if (volume.record.generation !== generation) return 'superseded';
      const error = await this.#options.renewals.renew(volume, this.#stopping.signal, 'job');
      this.#onChange?.(volumeId);
      if (error !== undefined) throw error;
      return 'renewed';
    });
  }

  /** Lets the volume's own deadline wait until a time: the controller holds the renewal of this generation back. */
  holdGeneration(volumeId: string, generation: number, until: Date): Promise<HoldOutcome> {
    return this.#locks.run(volumeId, () => Promise.resolve(this.#hold(volumeId, generation, until)));
  }

  #hold(volumeId: string, generation: number, until: Date): HoldOutcome {
    const volume = this.#volumes.get(volumeId);
    if (volume?.record.phase !== 'published') return 'not-here';
    if (volume.record.generation !== generation) return 'superseded';
    this.#options.renewals.hold(volume, until);
    this.#onChange?.(volumeId);
    return 'held';
  }

  /** Deletes a volume that a kill left before it was mounted, unless the kubelet has come back for it meanwhile. */
  discardUnpublished(volumeId: string): Promise<void> {
    return this.#locks.run(volumeId, async () => {
      const volume = this.#volumes.get(volumeId);
      if (volume?.record.phase !== 'created') return;
      await this.#takeFrom(volume.record.targetPath);
      this.#forget(volume);
    });
  }

  /** Ends what is under way; pending requests are resumed by the next start. */
  stop(): void {
    this.#stopping.abort(new CertfleetError('unavailable', 'the agent is stopping'));
  }

  async #create(request: PublishRequest): Promise<ManagedVolume> {
    const { store, parseVolume, clock, reporter, mounter } = this.#options;
    const { volumeId, targetPath, volumeMountGroup, serviceAccountTokens } = request;
    const spec = parseVolume(request);
    const { attributes, secrets } = splitSecrets(request.attributes);
    const createdAt = new Date(clock.now());
    const volume: ManagedVolume = {
      volumeId,
      spec,
      store,
      record: { volumeId, targetPath, attributes, volumeMountGroup, createdAt, phase: 'created', generation: 0 },
      secrets: { ...secrets, serviceAccountTokens },
      failedAttempts: 0,
      lastCause: undefined,
      lastIssuanceMs: undefined,
      requestIsSpent: false,
      unpublished: new AbortController(),
    };
    // Set aside at start because its record was damaged; with no pod on it, it may make room.
    if (store.has(volumeId) && !(await mounter.isMounted(targetPath))) store.remove(volumeId);
    store.create(volume.record, volume.secrets);
    this.#volumes.set(volumeId, volume);
    reporter.attributeWarnings(volume);
    return volume;
  }

  async #isPublishedAt({ record, volumeId }: ManagedVolume, targetPath: string): Promise<boolean> {
    const isMounted = await this.#options.mounter.isMounted(record.targetPath);
    if (isMounted && record.targetPath !== targetPath) {
      const message = `expected volume ${volumeId} at ${record.targetPath}, where it is published, found ${targetPath}`;
      throw new CertfleetError('already-exists', message);
    }
    return isMounted;
  }

  /** Issues the first certificate, unless one that is still valid lies there or the pod may start without it. */
  async #fill(volume: ManagedVolume, context: PublishContext): Promise<void> {
    const { continueOnNotReady, clock, issuanceTimeoutMs, issuance } = this.#options;
    const { issued } = volume.record;
    if (continueOnNotReady || (issued !== undefined && issued.notAfter.getTime() > clock.now())) return;
    const timeoutMs = Math.min(issuanceTimeoutMs, context.deadlineMs - clock.now() - answerReserveMs);
    using limit = deadline(clock, timeoutMs, [context.signal, volume.unpublished.signal, this.#stopping.signal]);
    await issuance.issue(volume, 'mount', limit.signal);
  }

  async #mount(volume: ManagedVolume, targetPath: string): Promise<void> {
    const { files, mounter, observeMount, renewals } = this.#options;
    const startedMs = performance.now();
    volume.unpublished.signal.throwIfAborted();
    try {
      // What a kill left there, which may be half done. No pod runs on it: its publish was never answered.
      if (!createTarget(files, targetPath)) await mounter.unmount(targetPath);
      await mounter.bindReadOnly(volume.store.dataPath(volume.volumeId), targetPath);
    } catch (cause) {
      // Unavailable, whatever it was: the certificate is good, and the next try must find it instead of asking anew.
      throw new CertfleetError('unavailable', asCertfleetError(cause).message, { reason: 'MountFailed', cause });
    }
    volume.record = { ...volume.record, targetPath, phase: 'published' };
    volume.store.writeRecord(volume.record);
    observeMount(performance.now() - startedMs);
    renewals.scheduleNext(volume);
  }

  async #takeFrom(targetPath: string): Promise<void> {
    await this.#options.mounter.unmount(targetPath);
    removeTarget(this.#options.files, targetPath);
  }

  #forget(volume: ManagedVolume): void {
    this.#options.renewals.unschedule(volume);
    this.#volumes.delete(volume.volumeId);
    volume.store.remove(volume.volumeId);
    this.#onChange?.(volume.volumeId);
  }
}

/** In token-request mode the kubelet publishes again and again, with a newer token each time. */
function keepTokens(volume: ManagedVolume, { serviceAccountTokens }: PublishRequest): void {
  if (serviceAccountTokens === undefined) return;
  if (serviceAccountTokens.reveal() === volume.secrets.serviceAccountTokens?.reveal()) return;
  changeSecrets(volume, { serviceAccountTokens });
}
