/** More projections than a usual pod has. */
const maxPerPod = 16;

/**
 * Limits how many requests of one pod are in the queue. A pod can have thousands of projections, and those of a pod that
 * starts come first: its author must not be able to delay all other pods. The others of its requests wait here, and each
 * takes a new place at the end of the queue.
 */
export class PodShares {
  readonly #shares = new Map<string, Share>();
  readonly #pods = new Map<string, string>();

  /** Requests that wait for an earlier one of their pod. */
  get waiting(): number {
    let sum = 0;
    for (const { waiting } of this.#shares.values()) sum += waiting.size;
    return sum;
  }

  /** Whether a request may be in the queue; otherwise it waits until `leave` returns it. */
  enter(uid: string, podUid: string): boolean {
    const share = this.#shares.get(podUid) ?? { inQueue: new Set(), waiting: new Set() };
    this.#shares.set(podUid, share);
    this.#pods.set(uid, podUid);
    if (share.inQueue.has(uid) || share.inQueue.size < maxPerPod) share.inQueue.add(uid);
    else share.waiting.add(uid);
    return share.inQueue.has(uid);
  }

  /** A request was answered or removed. @returns the request that may enter instead */
  leave(uid: string): string | undefined {
    const podUid = this.#pods.get(uid) ?? '';
    const share = this.#shares.get(podUid);
    this.#pods.delete(uid);
    if (share === undefined) return undefined;
    share.waiting.delete(uid);
    const [next] = share.inQueue.delete(uid) ? share.waiting : [];
    if (next !== undefined) share.waiting.delete(next);
    if (share.inQueue.size + share.waiting.size === 0 && next === undefined) this.#shares.delete(podUid);
    return next;
  }

  clear(): void {
    this.#shares.clear();
    this.#pods.clear();
  }
}

interface Share {
  readonly inQueue: Set<string>;
  /** In the order of their arrival. */
  readonly waiting: Set<string>;
}
