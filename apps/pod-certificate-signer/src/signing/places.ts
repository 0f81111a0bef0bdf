import { createHash } from 'node:crypto';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { PodCertificateRequest } from '../requests/pod-certificate-request.ts';

/**
 * How long the place of a request that was removed is kept. The controller manager removes a request after 15 to 20 minutes,
 * and the kubelet then makes the next one. If it was removed earlier, the kubelet waits until it is 10 to 15 minutes old.
 */
const keptMs = 45 * 60_000;
const maxKept = 200_000;

/** A place in the queue. */
export interface Place {
  readonly place: number;
  /** The first request of the projection since its last certificate, in monotonic time. */
  readonly sinceMs: number;
}

/** The earliest time of these places; undefined if there are none. */
export function oldestOf(places: Iterable<Place>): number | undefined {
  let oldestMs: number | undefined;
  for (const { sinceMs } of places) oldestMs = Math.min(oldestMs ?? Infinity, sinceMs);
  return oldestMs;
}

interface KnownPlace extends Place {
  readonly seenAtMs: number;
}

/**
 * The places of pods' projections in the queue. They outlive the requests, which the controller manager removes after
 * 15 to 20 minutes whether they were answered or not.
 */
export class Places {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** In the order in which they were last seen. */
  readonly #places = new Map<string, KnownPlace>();
  #last = 0;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#places.size;
  }

  /** The place of a request's projection: an earlier one, or the next. */
  take(request: PodCertificateRequest): Place {
    const nowMs = this.#clock.monotonic();
    const key = keyOf(request);
    const { place, sinceMs } = this.#places.get(key) ?? { place: (this.#last += 1), sinceMs: nowMs };
    this.#places.delete(key);
    this.#places.set(key, { place, sinceMs, seenAtMs: nowMs });
    for (const [oldest, { seenAtMs }] of this.#places) {
      if (this.#places.size <= maxKept && nowMs - seenAtMs < keptMs) break;
      this.#places.delete(oldest);
    }
    return { place, sinceMs };
  }

  /** The projection has its certificate. */
  release(request: PodCertificateRequest): void {
    this.#places.delete(keyOf(request));
  }
}

/**
 * A request does not name its projection, so equal projections of one pod share a place, which changes nothing: both are
 * as old as the pod.
 */
function keyOf({ identity, signerName, annotations, maxExpirationSeconds }: PodCertificateRequest): string {
  const parts = [identity.pod.uid, signerName, maxExpirationSeconds, Object.entries(annotations ?? {}).sort()];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64');
}
