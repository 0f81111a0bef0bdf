import { isDeepStrictEqual } from 'node:util';
import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { DeadlineHeap } from '@certfleet/shared/deadline-heap.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { workloadOfPod } from '@certfleet/shared/kube/workload-of-pod.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { timeoutSignal } from '../volume/timeout-signal.ts';
import { chosenLabels } from './pod-facts.ts';
import type { PodFacts, ReportedPod } from './pod-facts.ts';

/** A pod whose volume is reported. */
export interface PodKey {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface PodFactsReaderOptions {
  /** Reads a pod from the API server; undefined if it does not exist. */
  readonly getPod: (pod: PodKey, signal: AbortSignal) => Promise<ReportedPod | undefined>;
  /** Keys of the labels to report. */
  readonly labels: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
  /** From 0 to below 1; Math.random unless a test gives another one. */
  readonly random?: () => number;
}

/** A pod of the node, with the volumes that are reported with its facts. */
interface FollowedPod {
  readonly pod: PodKey;
  readonly volumes: string[];
  /** Undefined until the pod was read. */
  facts: PodFacts | undefined;
  /** Monotonic. */
  readAtMs: number;
}

interface FollowedVolume {
  readonly uid: string;
  generation: number;
}

/** Spreads the reads after a restart: a node with 250 pods has read all of them within a minute. */
const betweenMs = 200;
const retryMs = 60_000;
const timeoutMs = 10_000;
/** A pod is read again after this time, with a quarter of jitter in both directions. */
const againMs = 30 * 60_000;
/** A renewal does not read a pod again that was read this recently. */
const minAgeMs = 60_000;
/** Above the limit of volumes of a node; the rest is reported without these facts. */
const maxVolumes = 4_096;

/**
 * Reads the pods of volumes one at a time, after a volume was first reported, so that no mount and no report waits for the
 * API server. Labels and owner of a pod can change: it is read again after a renewal of one of its volumes, and about every
 * half hour. While the API server does not answer, the last known facts remain.
 */
export class PodFactsReader {
  readonly #options: PodFactsReaderOptions;
  readonly #stopping = new AbortController();
  readonly #volumes = new Map<string, FollowedVolume>();
  /** By UID. */
  readonly #pods = new Map<string, FollowedPod>();
  /** UIDs by the monotonic time of their next read. */
  readonly #due = new DeadlineHeap();
  #onChange: ((volumeId: string) => void) | undefined;
  /** No read starts before; monotonic. */
  #notBeforeMs = 0;
  #cancel: CancelTimer | undefined;
  #reading: Promise<void> | undefined;

  constructor(options: PodFactsReaderOptions) {
    this.#options = options;
  }

  /**
   * The facts of a volume's pod; undefined until they are read. `onChange` announces that, and each later change.
   * @param generation of the volume: a new one is a renewal
   */
  facts(volumeId: string, pod: PodKey, generation: number): PodFacts | undefined {
    const known = this.#volumes.get(volumeId);
    if (known?.uid !== pod.uid) this.#follow(volumeId, pod, generation);
    else if (generation > known.generation) {
      // The first certificate is no renewal.
      if (known.generation > 0) this.#readSoon(pod.uid);
      known.generation = generation;
    }
    return this.#pods.get(pod.uid)?.facts;
  }

  /** Forgets a volume that is gone. */
  forget(volumeId: string): void {
    const { uid } = this.#volumes.get(volumeId) ?? {};
    if (uid === undefined) return;
    this.#volumes.delete(volumeId);
    const volumes = this.#pods.get(uid)?.volumes;
    const index = volumes?.indexOf(volumeId) ?? -1;
    if (index >= 0) volumes?.splice(index, 1);
    if (volumes?.length !== 0) return;
    this.#pods.delete(uid);
    this.#due.delete(uid);
  }

  onChange(listener: ((volumeId: string) => void) | undefined): void {
    this.#onChange = listener;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#cancel?.();
    await this.#reading;
  }

  #follow(volumeId: string, pod: PodKey, generation: number): void {
    this.forget(volumeId);
    if (this.#volumes.size >= maxVolumes) return;
    this.#volumes.set(volumeId, { uid: pod.uid, generation });
    const known = this.#pods.get(pod.uid);
    if (known !== undefined) {
      known.volumes.push(volumeId);
      return;
    }
    this.#pods.set(pod.uid, { pod, volumes: [volumeId], facts: undefined, readAtMs: -Infinity });
    this.#setDue(pod.uid, this.#options.clock.monotonic());
  }

  #readSoon(uid: string): void {
    const earliestMs = (this.#pods.get(uid)?.readAtMs ?? -Infinity) + minAgeMs;
    const dueAtMs = Math.max(this.#options.clock.monotonic(), earliestMs);
    if (dueAtMs < (this.#due.dueAt(uid) ?? Infinity)) this.#setDue(uid, dueAtMs);
  }

  #setDue(uid: string, dueAtMs: number): void {
    this.#due.set(uid, dueAtMs);
    this.#arm();
  }

  /** Sets the timer of the next read; it is the only one. */
  #arm(): void {
    this.#cancel?.();
    const dueAtMs = this.#due.peekDueAt();
    if (dueAtMs === undefined || this.#reading !== undefined || this.#stopping.signal.aborted) return;
    const { clock } = this.#options;
    this.#cancel = clock.schedule(Math.max(dueAtMs, this.#notBeforeMs) - clock.monotonic(), () => this.#readNext());
  }

  #readNext(): void {
    const uid = this.#due.popDue(this.#options.clock.monotonic());
    const followed = uid === undefined ? undefined : this.#pods.get(uid);
    if (followed === undefined) {
      this.#arm();
      return;
    }
    this.#reading = this.#read(followed).then((delays) => {
      this.#reading = undefined;
      this.#plan(followed, delays);
      this.#arm();
    });
  }

  #plan(followed: FollowedPod, { pauseMs, againAfterMs }: ReadDelays): void {
    const nowMs = this.#options.clock.monotonic();
    const { uid } = followed.pod;
    this.#notBeforeMs = nowMs + pauseMs;
    // A renewal during the read has planned the next one already.
    if (this.#pods.get(uid) === followed && this.#due.dueAt(uid) === undefined)
      this.#due.set(uid, nowMs + againAfterMs);
  }

  /** Never rejects. */
  async #read(followed: FollowedPod): Promise<ReadDelays> {
    const { getPod, labels, clock, log, random = Math.random } = this.#options;
    const { pod } = followed;
    try {
      using limit = timeoutSignal(clock, timeoutMs, [this.#stopping.signal]);
      const seen = await getPod(pod, limit.signal);
      followed.readAtMs = clock.monotonic();
      // Another pod has the name, or none: nothing new is known of this one.
      if (seen?.uid === pod.uid) this.#take(followed, factsOf(pod.name, seen, labels));
      return { pauseMs: betweenMs, againAfterMs: againMs * (0.75 + random() / 2) };
    } catch (thrown) {
      if (!this.#stopping.signal.aborted)
        log.debug({ ...pod, error: asCertfleetError(thrown).message }, 'cannot read a pod for its report');
      // Other pods come first then: this one may have a fault of its own.
      return { pauseMs: retryMs, againAfterMs: retryMs };
    }
  }

  #take(followed: FollowedPod, facts: PodFacts): void {
    if (isDeepStrictEqual(followed.facts, facts)) return;
    followed.facts = facts;
    if (this.#pods.get(followed.pod.uid) !== followed) return;
    for (const volumeId of [...followed.volumes]) this.#onChange?.(volumeId);
  }
}

function factsOf(name: string, { metadata }: ReportedPod, labels: readonly string[]): PodFacts {
  return {
    workload: workloadOfPod(name, metadata.controller, metadata.labels),
    labels: chosenLabels(labels, metadata.labels),
  };
}

interface ReadDelays {
  /** Until the next read of any pod. */
  readonly pauseMs: number;
  /** Until the next read of this pod. */
  readonly againAfterMs: number;
}
