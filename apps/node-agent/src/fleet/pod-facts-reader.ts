import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
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
}

/** Spreads the reads after a restart: a node with 250 volumes has read all pods within a minute. */
const betweenMs = 200;
const retryMs = 60_000;
const timeoutMs = 10_000;
/** Above the limit of volumes of a node; the rest is reported without these facts. */
const maxPods = 4_096;

/**
 * Reads the pods of volumes, each once and one at a time, after the volume was first reported, so that no mount and no
 * report waits for the API server. Labels that change later are not followed.
 */
export class PodFactsReader {
  readonly #options: PodFactsReaderOptions;
  readonly #stopping = new AbortController();
  readonly #facts = new Map<string, { readonly uid: string; readonly facts: PodFacts | undefined }>();
  readonly #waiting = new Map<string, PodKey>();
  #onChange: ((volumeId: string) => void) | undefined;
  #reading: Promise<void> | undefined;

  constructor(options: PodFactsReaderOptions) {
    this.#options = options;
  }

  /** The facts of a volume's pod; undefined until they are read, which `onChange` announces. */
  facts(volumeId: string, pod: PodKey): PodFacts | undefined {
    const known = this.#facts.get(volumeId);
    if (known?.uid === pod.uid) return known.facts;
    if (this.#facts.size + this.#waiting.size < maxPods && !this.#stopping.signal.aborted) {
      this.#waiting.set(volumeId, pod);
      this.#start();
    }
    return undefined;
  }

  /** Forgets a volume that is gone. */
  forget(volumeId: string): void {
    this.#facts.delete(volumeId);
    this.#waiting.delete(volumeId);
  }

  onChange(listener: ((volumeId: string) => void) | undefined): void {
    this.#onChange = listener;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#reading;
  }

  #start(): void {
    this.#reading ??= this.#read().then(() => {
      this.#reading = undefined;
      // Added after the last look.
      if (this.#waiting.size > 0 && !this.#stopping.signal.aborted) this.#start();
    });
  }

  async #read(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopping;
    try {
      for (let [next] = this.#waiting; next !== undefined && !signal.aborted; [next] = this.#waiting) {
        const isRead = await this.#readOne(...next);
        await delay(clock, isRead ? betweenMs : retryMs, signal);
      }
    } catch {
      // Stopped.
    }
  }

  /** @returns false if the API server does not answer */
  async #readOne(volumeId: string, pod: PodKey): Promise<boolean> {
    const { getPod, labels, clock, log } = this.#options;
    using limit = timeoutSignal(clock, timeoutMs, [this.#stopping.signal]);
    try {
      const seen = await getPod(pod, limit.signal);
      if (this.#waiting.get(volumeId)?.uid !== pod.uid) return true;
      this.#waiting.delete(volumeId);
      // Another pod has the name, or none: nothing is known of this one.
      const isSame = seen?.uid === pod.uid;
      const facts = isSame
        ? {
            workload: workloadOfPod(pod.name, seen.metadata.controller, seen.metadata.labels),
            labels: chosenLabels(labels, seen.metadata.labels),
          }
        : undefined;
      this.#facts.set(volumeId, { uid: pod.uid, facts });
      if (facts !== undefined) this.#onChange?.(volumeId);
      return true;
    } catch (thrown) {
      if (!this.#stopping.signal.aborted)
        log.debug({ ...pod, error: asCertfleetError(thrown).message }, 'cannot read a pod for its report');
      return false;
    }
  }
}
