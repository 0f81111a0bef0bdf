import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import { addressValues, hasAddresses } from '../spec/pod-variable-values.ts';
import type { PodVariableValues } from '../spec/pod-variable-values.ts';
import { usesAddresses } from '../spec/pod-variables.ts';
import type { PodIdentity } from '../spec/volume-spec.ts';
import { timeoutSignal } from './timeout-signal.ts';
import type { Volume } from './volume.ts';

/** The watch of the node's pods. It runs only while a volume needs it. */
export interface PodAddressWatch {
  /** The last seen addresses of a pod; undefined if the watch does not know the pod. */
  addressesOf(uid: string): readonly string[] | undefined;
  start(listener: {
    readonly onAddresses: (uid: string, addresses: readonly string[], isFirstSight: boolean) => void;
    readonly onError: (error: CertfleetError) => void;
  }): void;
  stop(): Promise<void>;
}

/** The parts of a volume that the follower uses. */
export type FollowedVolume = Pick<Volume, 'volumeId' | 'spec' | 'isRemoving'> & {
  readonly record: Pick<Volume['record'], 'podValues'>;
};

export interface PodAddressFollowerOptions {
  /** Undefined if this node does not allow variables of pods; volumes of an earlier configuration may still use them. */
  readonly watch: PodAddressWatch | undefined;
  /** Reads the addresses of a pod, for a volume that has been waiting: the watch may be down, or late. */
  readonly readAddresses: ((pod: PodIdentity, signal: AbortSignal) => Promise<readonly string[]>) | undefined;
  readonly volume: (volumeId: string) => FollowedVolume | undefined;
  /** Passes new addresses to the volume. */
  readonly readdress: (volumeId: string, addresses: PodVariableValues) => Promise<void>;
  /** A volume has been waiting for its addresses; `watchProblem` may be the cause. */
  readonly onWaiting: (volume: FollowedVolume, watchProblem: string | undefined) => void;
  readonly onWatchError: (error: CertfleetError) => void;
  readonly clock: Clock;
}

interface Followed {
  readonly uid: string;
  /** Of the next report that the volume waits. */
  cancelNotice: CancelTimer;
  /** Of addresses that are not passed on yet. */
  cancelPassing: CancelTimer;
}

/** A sandbox takes a second or two; a volume that waits for longer is reported. */
const firstNoticeMs = 10_000;
const noticeEveryMs = 60_000;

/** How long addresses must stay that the watch did not see coming; see PodWatchListener. */
const settleMs = 5_000;
const readTimeoutMs = 10_000;
/** Between two attempts to store addresses. */
const retryMs = 5_000;

const none = (): void => undefined;

/** Passes the addresses of pods to the volumes whose attributes use them. */
export class PodAddressFollower {
  readonly #options: PodAddressFollowerOptions;
  readonly #followed = new Map<string, Followed>();
  readonly #stopping = new AbortController();
  #watchProblem: string | undefined;

  constructor(options: PodAddressFollowerOptions) {
    this.#options = options;
  }

  /** Number of volumes that use addresses. */
  get size(): number {
    return this.#followed.size;
  }

  /** Call it when a volume was added, changed or removed. */
  volumeChanged(volumeId: string): void {
    if (this.#stopping.signal.aborted) return;
    const volume = this.#options.volume(volumeId);
    const isNeeded = volume !== undefined && !volume.isRemoving && usesAddresses(volume.spec.podVariables);
    if (isNeeded) this.#follow(volume);
    else this.#leave(volumeId);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new CertfleetError('cancelled', 'the agent is stopping'));
    for (const volumeId of this.#followed.keys()) this.#forget(volumeId);
    await this.#options.watch?.stop();
  }

  #follow({ volumeId, spec }: FollowedVolume): void {
    if (this.#followed.has(volumeId)) return;
    const { watch } = this.#options;
    const isFirst = this.#followed.size === 0;
    const followed = { uid: spec.pod.uid, cancelNotice: none, cancelPassing: none };
    this.#followed.set(volumeId, followed);
    if (spec.podVariables.unknown.length > 0) this.#noticeAfter(volumeId, firstNoticeMs);
    if (isFirst) {
      watch?.start({
        onAddresses: (uid, addresses, isFirstSight) => this.#seen(uid, addresses, isFirstSight),
        onError: (error) => this.#watchFailed(error),
      });
    }
    if ((watch?.addressesOf(followed.uid) ?? []).length > 0) this.#passAfter(volumeId, settleMs);
  }

  #leave(volumeId: string): void {
    if (!this.#followed.has(volumeId)) return;
    this.#forget(volumeId);
    // Its only rejections are those of its requests, which it reports itself.
    if (this.#followed.size === 0) void this.#options.watch?.stop();
  }

  #forget(volumeId: string): void {
    const followed = this.#followed.get(volumeId);
    followed?.cancelNotice();
    followed?.cancelPassing();
    this.#followed.delete(volumeId);
  }

  #seen(uid: string, addresses: readonly string[], isFirstSight: boolean): void {
    this.#watchProblem = undefined;
    for (const [volumeId, followed] of this.#followed) {
      if (followed.uid !== uid) continue;
      followed.cancelPassing();
      // A pod without an address has lost its sandbox and will get another; its last addresses stay in use until then.
      if (addresses.length === 0) continue;
      if (isFirstSight) this.#passAfter(volumeId, settleMs);
      else void this.#pass(volumeId);
    }
  }

  #watchFailed(error: CertfleetError): void {
    this.#watchProblem = error.message;
    this.#options.onWatchError(error);
  }

  #passAfter(volumeId: string, delayMs: number): void {
    const followed = this.#followed.get(volumeId);
    if (followed === undefined) return;
    followed.cancelPassing();
    followed.cancelPassing = this.#options.clock.schedule(delayMs, () => void this.#pass(volumeId));
  }

  /** Passes the addresses that the watch shows to the volume. Never rejects. */
  async #pass(volumeId: string): Promise<void> {
    const followed = this.#followed.get(volumeId);
    if (followed !== undefined) await this.#give(volumeId, this.#options.watch?.addressesOf(followed.uid) ?? []);
  }

  /** Gives the volume these addresses if it has others. Never rejects. */
  async #give(volumeId: string, seen: readonly string[]): Promise<void> {
    const { volume, readdress } = this.#options;
    const addresses = addressValues(seen);
    const present = volume(volumeId);
    if (present === undefined || addresses['POD_IPS'] === undefined) return;
    if (hasAddresses(present.record.podValues, addresses)) return;
    try {
      await readdress(volumeId, addresses);
    } catch (thrown) {
      // An attribute that cannot have these addresses was reported on the pod; others may come.
      if (asCertfleetError(thrown).reason !== 'InvalidAttributes') this.#passAfter(volumeId, retryMs);
    }
  }

  #noticeAfter(volumeId: string, delayMs: number): void {
    const followed = this.#followed.get(volumeId);
    if (followed === undefined) return;
    followed.cancelNotice = this.#options.clock.schedule(delayMs, () => {
      const volume = this.#options.volume(volumeId);
      if (volume === undefined || volume.spec.podVariables.unknown.length === 0) return;
      this.#options.onWaiting(volume, this.#problem);
      this.#noticeAfter(volumeId, noticeEveryMs);
      void this.#read(volume);
    });
  }

  /** Reads the addresses for which a volume waits. Never rejects. */
  async #read({ volumeId, spec }: FollowedVolume): Promise<void> {
    const { readAddresses, clock } = this.#options;
    if (readAddresses === undefined) return;
    using limit = timeoutSignal(clock, readTimeoutMs, [this.#stopping.signal]);
    // A failure is that of the watch as well, which is reported.
    const addresses = await readAddresses(spec.pod, limit.signal).catch(() => []);
    if (!limit.signal.aborted) await this.#give(volumeId, addresses);
  }

  get #problem(): string | undefined {
    if (this.#options.watch !== undefined) return this.#watchProblem;
    return "this node does not allow variables of pods any more: set the chart's app.driver.podVariables.enabled";
  }
}
