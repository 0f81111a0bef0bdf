import { randomUUID } from 'node:crypto';

import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';

import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { events } from '@certfleet/shared/kube/api-resource.ts';
import { EventCorrelator } from './event-correlator.ts';
import { eventManifest } from './event-manifest.ts';
import type { EventSeries, PodEvent } from './event-manifest.ts';

/** What the recorder is made of. */
export interface EventRecorderOptions {
  readonly client: Pick<KubeClient, 'request'>;
  readonly clock: Clock;
  /** Name of the node, shown as the event's source. */
  readonly nodeName: string;
  /** Resolves once no mount is under way on the node, after that time in milliseconds, or when the signal is aborted. */
  readonly mountsIdle: (maxMs: number, signal: AbortSignal) => Promise<void>;
  /** An event that will not be shown: too many of them, or the API server would not take it. */
  readonly onDropped?: () => void;
}

const maxQueue = 1024;
const flushMs = 2000;
/**
 * An event that tells of nothing wrong lets the mounts under way go first: a hundred pods that start together would
 * otherwise share the API server with as many events, each of which costs it about as much as a certificate request. So
 * much time after it was recorded it is written all the same: a pod whose issuer is silent is under way without end.
 */
const maxYieldMs = 10_000;
/**
 * Between two such events. An API server that takes long to answer has other work, and gets a pause of that many times as
 * long.
 */
const pause = { minMs: 100, timesAsLong: 10, maxMs: 2000 };

/**
 * Kubernetes Events on pods, as `kubectl describe pod` shows them. Recording never waits and never fails; repeated
 * events are counted on one object, and too many of them are dropped.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #correlator: EventCorrelator;
  readonly #queue: EventSeries[] = [];
  readonly #stop = new AbortController();
  /** Aborted to end the present pause: something cannot wait. */
  #pause = new AbortController();
  #writing: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#correlator = new EventCorrelator(options.clock);
  }

  /** Queues the event. */
  record(event: PodEvent): void {
    const series = this.#isStopped ? undefined : this.#correlator.admit(event);
    if (series === undefined || (!this.#queue.includes(series) && this.#queue.length >= maxQueue)) {
      this.#options.onDropped?.();
      return;
    }
    // A series that still waits is written once, with the count it has by then.
    if (!this.#queue.includes(series)) this.#queue.push(series);
    if (event.type === 'Warning') this.#pause.abort();
    this.#writing ??= this.#drain();
  }

  /** Writes what is queued, for at most two seconds; later events are dropped. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#pause.abort();
    const { clock } = this.#options;
    const timeout = new AbortController();
    const limit = delay(clock, flushMs, timeout.signal).catch(() => undefined);
    await Promise.race([this.#writing, limit]);
    timeout.abort();
    this.#stop.abort(new CertfleetError('cancelled', 'the event recorder was stopped'));
    await this.#writing;
  }

  async #drain(): Promise<void> {
    for (;;) {
      await this.#letMountsGoFirst();
      const series = this.#next();
      if (series === undefined) break;
      try {
        this.#stop.signal.throwIfAborted();
        const startedMs = this.#options.clock.monotonic();
        await this.#write(series);
        if (series.event.type === 'Normal') await this.#rest(this.#options.clock.monotonic() - startedMs);
      } catch {
        // An event is a courtesy: its loss is counted, what it told of is in the log and the metrics.
        this.#options.onDropped?.();
      }
    }
    this.#writing = undefined;
  }

  /** Warnings first: somebody may be looking for them. */
  #next(): EventSeries | undefined {
    return this.#queue.splice(Math.max(0, this.#queue.findIndex(isWarning)), 1)[0];
  }

  async #letMountsGoFirst(): Promise<void> {
    const { clock, mountsIdle } = this.#options;
    const [first] = this.#queue;
    const maxMs = first === undefined ? 0 : first.lastSeenMonotonicMs + maxYieldMs - clock.monotonic();
    if (maxMs > 0) await this.#unlessUrgent((signal) => mountsIdle(maxMs, signal));
  }

  #rest(tookMs: number): Promise<void> {
    const ms = Math.min(Math.max(tookMs * pause.timesAsLong, pause.minMs), pause.maxMs);
    return this.#unlessUrgent((signal) => delay(this.#options.clock, ms, signal));
  }

  /** Waits, but for a warning or the end. */
  async #unlessUrgent(wait: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.#isStopped || this.#queue.some(isWarning)) return;
    this.#pause = new AbortController();
    await wait(this.#pause.signal).catch(() => undefined);
  }

  async #write(series: EventSeries): Promise<void> {
    const { client, nodeName } = this.#options;
    const target = { resource: events, namespace: series.event.pod.namespace, signal: this.#stop.signal };
    const { count, lastSeen } = series;
    if (series.name !== undefined) {
      const body = { count, lastTimestamp: new Date(lastSeen).toISOString() };
      try {
        await client.request({ verb: 'patch', ...target, name: series.name, body });
        return;
      } catch (thrown) {
        // Events live for an hour by default: one that is gone is made anew.
        if (!(thrown instanceof CertfleetError) || thrown.code !== 'not-found') throw thrown;
      }
    }
    const name = `${series.event.pod.name}.${randomUUID()}`;
    await client.request({ verb: 'create', ...target, body: eventManifest(series, name, nodeName) });
    series.name = name;
  }
}

function isWarning({ event }: EventSeries): boolean {
  return event.type === 'Warning';
}
