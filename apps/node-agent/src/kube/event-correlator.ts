import type { Clock } from '@certfleet/shared/clock.ts';

import type { EventSeries, PodEvent } from './event-manifest.ts';
import { TokenBucket } from '@certfleet/shared/kube/token-bucket.ts';

/** client-go's limits: a pod may be told 25 things at once and then one every five minutes. */
const perPod = { perSecond: 1 / 300, burst: 25 };
/** One node's share of the API server, whatever happens to all of its pods at once. */
const perNode = { perSecond: 10, burst: 200 };
const maxMemory = 1024;

/** Recognises repetitions and holds the rate: what client-go's EventCorrelator does. */
export class EventCorrelator {
  readonly #clock: Clock;
  readonly #node: TokenBucket;
  /** Maps keep the order of insertion: the entry that was used the longest ago is the first. */
  readonly #pods = new Map<string, TokenBucket>();
  readonly #series = new Map<string, EventSeries>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#node = new TokenBucket(perNode, clock);
  }

  /** The series that the event belongs to, counted up; undefined when there are too many events. */
  admit(event: PodEvent): EventSeries | undefined {
    const { uid } = event.pod;
    const bucket = this.#pods.get(uid) ?? new TokenBucket(perPod, this.#clock);
    remember(this.#pods, uid, bucket);
    // The pod first: one that says too much must not use up what the others share.
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

/** Keeps the entry as the youngest and forgets the oldest beyond the bound. */
function remember<T>(entries: Map<string, T>, key: string, value: T): void {
  entries.delete(key);
  entries.set(key, value);
  const [oldest] = entries.keys();
  if (entries.size > maxMemory && oldest !== undefined) entries.delete(oldest);
}
