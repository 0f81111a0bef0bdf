import { randomUUID } from 'node:crypto';

import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';

import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { events } from '@certfleet/shared/kube/api-resource.ts';
import { EventCorrelator } from './event-correlator.ts';
import { eventManifest } from './event-manifest.ts';
import type { EventSeries, PodEvent } from './event-manifest.ts';

export interface EventRecorderOptions {
  readonly client: Pick<KubeClient, 'request'>;
  readonly clock: Clock;
  /** Name of the node, shown as the Event's source. */
  readonly nodeName: string;
  /**
   * Resolves once no mount is in progress on the node, after that time in milliseconds, or when the signal is aborted.
   */
  readonly mountsIdle: (maxMs: number, signal: AbortSignal) => Promise<void>;
  /** Called for an Event that is dropped: rate limit, full queue, or an error of the API server. */
  readonly onDropped?: () => void;
}

const maxQueue = 1024;
const flushMs = 2000;
/**
 * Maximum time for which a Normal Event waits for mounts in progress. If a hundred pods start together, as many Events
 * would compete for the API server, each at about the cost of a certificate request. The wait is limited because a
 * mount with a silent issuer never ends.
 */
const maxYieldMs = 10_000;
/**
 * Pause between two Normal Events: a multiple of the API server's response time, so that a slow server gets a longer
 * pause.
 */
const pause = { minMs: 100, timesAsLong: 10, maxMs: 2000 };

/**
 * Writes Kubernetes Events on pods, as `kubectl describe pod` shows them. Recording never waits and never fails.
 * Repeated Events are counted on one object; those above the rate limit are dropped.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #correlator: EventCorrelator;
  readonly #queue: EventSeries[] = [];
  readonly #stop = new AbortController();
  /** Aborted to end the current pause for an urgent Event. */
  #pause = new AbortController();
  #writing: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#correlator = new EventCorrelator(options.clock);
  }

  /** Queues the Event. */
  record(event: PodEvent): void {
    const series = this.#isStopped ? undefined : this.#correlator.admit(event);
    if (series === undefined || (!this.#queue.includes(series) && this.#queue.length >= maxQueue)) {
      this.#options.onDropped?.();
      return;
    }
    // A queued series is written once, with its count at that time.
    if (!this.#queue.includes(series)) this.#queue.push(series);
    if (event.type === 'Warning') this.#pause.abort();
    this.#writing ??= this.#drain();
  }

  /** Writes queued Events for at most two seconds; later ones are dropped. */
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
        // Events are best effort: a lost one is counted, and its content is in the log and the metrics.
        this.#options.onDropped?.();
      }
    }
    this.#writing = undefined;
  }

  /** Warnings first. */
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

  /** Waits, unless there is a warning or the recorder stops. */
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
        // Events are deleted after an hour by default; a missing one is created again.
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
