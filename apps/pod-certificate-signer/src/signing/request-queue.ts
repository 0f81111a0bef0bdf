import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { messageOf } from '@certfleet/shared/errors.ts';
import { DeadlineHeap } from '@certfleet/shared/deadline-heap.ts';
import type { CertificateOrder } from '../policy/decide.ts';
import type { PodCertificateRequest } from '../requests/pod-certificate-request.ts';
import type { Demand, Lane } from './lane.ts';
import { oldestOf } from './places.ts';
import type { Place } from './places.ts';
import { RequestRetries } from './request-retries.ts';

/** A request that the policy allows. */
export interface QueuedRequest {
  readonly request: PodCertificateRequest;
  readonly order: CertificateOrder;
  /** Earlier places are signed first, among the pods that start and among the others. */
  readonly place: Place;
}

export interface RequestQueueOptions {
  readonly clock: Clock;
  readonly lane: Lane;
  /** Whether a pod does not run yet. */
  readonly isStarting: (podUid: string) => boolean;
  /** Signs and answers a request. Rejects if it cannot be answered now. */
  readonly answer: (queued: QueuedRequest) => Promise<'signed' | 'ended'>;
  /** A failure that is tried again. */
  readonly onFailure: (queued: QueuedRequest, thrown: unknown) => 'failed' | 'ended';
  readonly random?: () => number;
}

/** The state that decides about a pause may change without a call. */
const maxWaitMs = 5_000;

/**
 * The part of its lifetime for which a pause or a window may delay a refresh: the kubelet begins with a third of the
 * lifetime left.
 */
const maxDelayedPart = 1 / 6;

/**
 * The requests of one issuer: pods that start first, then the others, each by its place, when the lane admits them. A
 * refresh that has waited for too long is urgent: it alternates with the pods that start.
 */
export class RequestQueue {
  readonly #options: RequestQueueOptions;
  readonly #entries = new Map<string, QueuedRequest>();
  readonly #byPod = new Map<string, Set<string>>();
  readonly #starting = new DeadlineHeap();
  readonly #others = new DeadlineHeap();
  /** The times at which the others become urgent. */
  readonly #bounds = new DeadlineHeap();
  readonly #retries: RequestRetries;
  #wasStarting = false;
  #cancelTimer: CancelTimer | undefined;
  readonly #leave: () => void;
  #isStopped = false;

  constructor(options: RequestQueueOptions) {
    this.#options = options;
    this.#retries = new RequestRetries(options.clock, options.random);
    this.#leave = options.lane.join({ demand: () => this.#demand(), wake: () => this.#pump() });
  }

  /** Requests without an answer, including those in progress. */
  get size(): number {
    return this.#entries.size;
  }

  has(uid: string): boolean {
    return this.#entries.has(uid);
  }

  /** When the pod that has waited longest for its first certificate began to wait, in monotonic time. */
  get oldestStartingMs(): number | undefined {
    const { isStarting } = this.#options;
    return oldestOf(
      this.#entries.values().flatMap(({ request, place }) => (isStarting(request.identity.pod.uid) ? [place] : [])),
    );
  }

  put(queued: QueuedRequest): void {
    const { uid } = queued.request;
    if (this.#isStopped || this.#entries.has(uid)) return;
    this.#entries.set(uid, queued);
    const podUid = queued.request.identity.pod.uid;
    this.#byPod.set(podUid, (this.#byPod.get(podUid) ?? new Set()).add(uid));
    this.#enqueue(uid);
    this.#pump();
  }

  /** The request was removed, or answered by another signer. */
  remove(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    this.#retries.end(uid);
    this.#entries.delete(uid);
    const podUid = entry.request.identity.pod.uid;
    const others = this.#byPod.get(podUid);
    others?.delete(uid);
    if (others?.size === 0) this.#byPod.delete(podUid);
    this.#dequeue(uid);
  }

  /** Sorts the waiting requests of a pod again, after `isStarting` has changed. */
  reclassify(podUid: string): void {
    for (const uid of this.#byPod.get(podUid) ?? []) {
      if (this.#starting.dueAt(uid) === undefined && this.#others.dueAt(uid) === undefined) continue;
      this.#dequeue(uid);
      this.#enqueue(uid);
    }
    this.#pump();
  }

  /** Starts no further request; those in progress end on their own. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
    for (const uid of this.#entries.keys()) this.remove(uid);
    this.#leave();
  }

  #enqueue(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    const { order, place, request } = entry;
    if (this.#options.isStarting(request.identity.pod.uid)) {
      this.#starting.set(uid, place.place);
      return;
    }
    this.#others.set(uid, place.place);
    this.#bounds.set(uid, place.sinceMs + order.lifetimeSeconds * 1000 * maxDelayedPart);
  }

  #dequeue(uid: string): void {
    this.#starting.delete(uid);
    this.#others.delete(uid);
    this.#bounds.delete(uid);
  }

  #pump(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const { lane, clock } = this.#options;
    while (!this.#isStopped) {
      const next = this.#next();
      const entry = next && this.#entries.get(next.uid);
      if (next === undefined || entry === undefined) return;
      const waitMs = lane.admit(next);
      if (waitMs > 0) {
        this.#enqueue(next.uid);
        this.#cancelTimer = clock.schedule(Math.min(waitMs, maxWaitMs), () => this.#pump());
        return;
      }
      void this.#start(next.uid, entry);
    }
  }

  #demand(): Demand {
    const overdue = this.#bounds.countDue(this.#options.clock.monotonic());
    return { urgent: this.#starting.size + overdue, refreshes: this.#others.size - overdue };
  }

  /** Takes the next request out of the heaps. */
  #next(): { readonly uid: string; readonly isUrgent: boolean } | undefined {
    const nowMs = this.#options.clock.monotonic();
    const overdue = (this.#bounds.peekDueAt() ?? Infinity) <= nowMs;
    this.#wasStarting = this.#starting.size > 0 && !(overdue && this.#wasStarting);
    const heap = this.#wasStarting ? this.#starting : overdue ? this.#bounds : this.#others;
    const uid = heap.popDue(Infinity);
    if (uid === undefined) return undefined;
    this.#dequeue(uid);
    return { uid, isUrgent: heap !== this.#others };
  }

  async #start(uid: string, entry: QueuedRequest): Promise<void> {
    const { lane, answer, onFailure } = this.#options;
    try {
      const result = await answer(entry);
      this.remove(uid);
      lane.settled({ uid, result });
    } catch (thrown) {
      const result = onFailure(entry, thrown);
      lane.settled({ uid, result, error: messageOf(thrown), retryAfterMs: retryAfterOf(thrown) });
      this.#retryLater(uid, entry);
    }
    this.#pump();
  }

  #retryLater(uid: string, entry: QueuedRequest): void {
    if (this.#isStopped || this.#entries.get(uid) !== entry) return;
    this.#retries.later(uid, () => {
      this.#enqueue(uid);
      this.#pump();
    });
  }
}

function retryAfterOf(thrown: unknown): number | undefined {
  const { retryAfterMs } = (thrown ?? {}) as { readonly retryAfterMs?: unknown };
  return typeof retryAfterMs === 'number' ? retryAfterMs : undefined;
}
