import { randomUUID } from 'node:crypto';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { boundedSignal } from '@certfleet/shared/kube/bounded-signal.ts';
import { events } from '@certfleet/shared/kube/api-resource.ts';
import { TokenBucket } from '@certfleet/shared/kube/token-bucket.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { IntentEvent } from '../intent/intent-event.ts';
import type { IntentObject } from '../intent/intent-object.ts';

/** An Event that is written to the API. */
interface WrittenEvent extends IntentEvent {
  /** Name of the Event, if it must be written once; otherwise random. */
  readonly name?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The object that an Event is about. */
export type EventSubject = Pick<IntentObject, 'kind' | 'apiVersion'> & {
  readonly metadata: Pick<IntentObject['metadata'], 'name'> & Partial<IntentObject['metadata']>;
};

export interface IntentEventsParts {
  /** Undefined without Kubernetes: the events are only logged. */
  readonly client: Pick<KubeClient, 'request'> | undefined;
  readonly replica: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Events of cluster-scoped objects are in this namespace, where `kubectl describe` looks for them. */
const namespace = 'default';
const component = 'certfleet-controller';
const limits = { perSecond: 1, burst: 50 };
const maxMessage = 1_024;
const maxPending = 100;
/** Includes the client's retries. */
const timeoutMs = 5_000;

/**
 * Logs what operators do with objects, and writes it as Kubernetes Events on them. Recording never waits and never fails;
 * Events above the rate limit are only logged.
 */
export class IntentEvents {
  readonly #parts: IntentEventsParts;
  readonly #bucket: TokenBucket;
  readonly #stop = new AbortController();
  readonly #pending = new Set<Promise<void>>();

  constructor(parts: IntentEventsParts) {
    this.#parts = parts;
    this.#bucket = new TokenBucket(limits, parts.clock);
  }

  record(object: EventSubject, event: IntentEvent): void {
    const { kind, metadata } = object;
    const { type, reason, message } = event;
    this.#parts.log.info({ kind, name: metadata.name, type, reason, message }, 'event');
    this.write(object, event);
  }

  /** Writes an Event whose content is in the log already. */
  write(object: EventSubject, event: WrittenEvent): void {
    const { client } = this.#parts;
    if (client === undefined || this.#pending.size >= maxPending || !this.#bucket.tryTake()) return;
    const writing = this.#write(client, object, event).finally(() => this.#pending.delete(writing));
    this.#pending.add(writing);
  }

  /** Waits for the events that are being written, for some seconds at most. */
  async stop(): Promise<void> {
    await Promise.all(this.#pending);
    this.#stop.abort();
  }

  async #write(
    client: Pick<KubeClient, 'request'>,
    { kind, apiVersion, metadata }: EventSubject,
    { type, reason, message, name: eventName, annotations }: WrittenEvent,
  ): Promise<void> {
    const { clock, log, replica } = this.#parts;
    const now = new Date(clock.now()).toISOString();
    const { name, uid, resourceVersion } = metadata;
    const body = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name: eventName ?? `${name.slice(0, 200)}.${randomUUID()}`,
        namespace,
        ...(annotations !== undefined && { annotations }),
      },
      involvedObject: { apiVersion, kind, name, uid, resourceVersion },
      type,
      reason,
      message: message.length > maxMessage ? `${message.slice(0, maxMessage - 1)}…` : message,
      source: { component, host: replica },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    };
    const bound = boundedSignal(clock, timeoutMs, this.#stop.signal);
    try {
      await client.request({ verb: 'create', resource: events, namespace, body, signal: bound.signal });
    } catch (thrown) {
      // The log has the event.
      log.debug({ kind, name, reason, error: asCertfleetError(thrown).message }, 'event not written');
    } finally {
      bound.dispose();
    }
  }
}
