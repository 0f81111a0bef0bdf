import type { Clock } from '@certfleet/shared/clock.ts';

import type { EventSeries, PodEvent } from './event-manifest.ts';
import { TokenBucket } from '@certfleet/shared/kube/token-bucket.ts';

/** client-go's limits: 25 Events per pod at once, then one every five minutes. */
const perPod = { perSecond: 1 / 300, burst: 25 };
/** Limit of one node on the API server's load, however many pods have Events. */
const perNode = { perSecond: 10, burst: 200 };
const maxMemory = 1024;

/** Recognises repeated Events and limits their rate, as client-go's EventCorrelator does. */
export class EventCorrelator {
  readonly #clock: Clock;
  readonly #node: TokenBucket;
  /** Maps keep the insertion order: the first entry is the least recently used. */
  readonly #pods = new Map<string, TokenBucket>();
  readonly #series = new Map<string, EventSeries>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#node = new TokenBucket(perNode, clock);
  }

  /** The series of the event, with its count incremented; undefined if the rate limit is exceeded. */
  admit(event: PodEvent): EventSeries | undefined {
    const { uid } = event.pod;
    const bucket = this.#pods.get(uid) ?? new TokenBucket(perPod, this.#clock);
    remember(this.#pods, uid, bucket);
    // The pod's limit first: a noisy pod must not use up the node's limit.
    if (!bucket.tryTake() || !this.#node.tryTake()) return undefined;

    const now = this.#clock.now();
    const key = JSON.stringify([uid, event.type, event.reason, event.message]);
    const series = this.#series.get(key) ?? {
      event,
      firstSeen: now,
      lastSeen: now,
      lastSeenMonotonicMs: 0,
      count: 0,
      name: undefined,
    };
    series.count += 1;
    series.lastSeen = now;
    series.lastSeenMonotonicMs = this.#clock.monotonic();
    remember(this.#series, key, series);
    return series;
  }
}

/** Stores the entry as the most recently used, and evicts the least recently used beyond the bound. */
function remember<T>(entries: Map<string, T>, key: string, value: T): void {
  entries.delete(key);
  entries.set(key, value);
  const [oldest] = entries.keys();
  if (entries.size > maxMemory && oldest !== undefined) entries.delete(oldest);
}
