import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { parseVolumeKey, volumeKey } from '../fleet-index/model/volume-key.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import type { Settled } from '../lanes/lane-admission.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import { defineScript, serverTime } from '../redis/lua-script.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import type { DueQueue } from './due-queue.ts';
import type { NodeQueues } from './node-queues.ts';
import { jobId } from './renewal-job.ts';
import type { StoredVolumes } from './stored-volumes.ts';

export interface RecallsParts {
  readonly redis: RedisClient;
  readonly keys: RedisKeys;
  readonly stored: StoredVolumes;
  readonly nodeQueues: Pick<NodeQueues, 'remove'>;
  readonly due: Pick<DueQueue, 'schedule' | 'scheduleIn' | 'bringForward' | 'isActive'>;
  readonly clock: Clock;
  /** Removes a renewal from its lane; with `cooldownMs`, because its agent refuses it for that long. */
  readonly leaveLane: (volume: IndexedVolume, cooldownMs?: number) => Promise<Settled>;
}

const atOnce = 100;
/** A job ends within milliseconds of the dispatch. The job of a killed replica returns without help. */
const attemptMs = 50;
const maxAttempts = 20;
/** Bounds of a deferral by an agent: no busy loop, and not longer than any back-off. */
const minDeferralMs = 1_000;
const maxDeferralMs = 48 * 3_600_000;

/** Finds at most `limit` dispatched renewals whose answer timeout has expired. Returns volume keys. */
const unansweredScript = defineScript({
  keys: ['started'],
  args: { limit: 'number' },
  prelude: [serverTime],
  body: `
return redis.call('ZRANGEBYSCORE', started, '-inf', nowMs(), 'LIMIT', 0, limit)`,
});

/**
 * Removes renewals that agents have not begun from the queues of nodes and returns them to their lanes: a job that was
 * dispatched earlier must not run after an operator paused its lane or cancelled its request.
 */
export class Recalls {
  readonly #parts: RecallsParts;

  constructor(parts: RecallsParts) {
    this.#parts = parts;
  }

  /** Recalls the started renewals that `select` returns, except those that an agent is processing. */
  async recall(select: (volumes: readonly IndexedVolume[]) => Promise<ReadonlySet<IndexedVolume>>): Promise<void> {
    const { redis, keys } = this.#parts;
    let cursor = '0';
    do {
      const [next, pairs] = await redis.zscan(keys.started, cursor, 'COUNT', atOnce);
      cursor = next;
      const volumes = await this.#volumesAt(pairs.filter((_, i) => i % 2 === 0));
      await Promise.all((await select(volumes)).values().map((volume) => this.#recallOne(volume)));
    } while (cursor !== '0');
  }

  /** Removes one renewal from the queue of its node and from its lane; its own job returns later. */
  async withdraw(volume: IndexedVolume): Promise<void> {
    await this.#takeBack(volume);
  }

  /**
   * Returns renewals without a result within the answer timeout to their lanes; also jobs that their agents do not
   * know.
   */
  async unanswered(): Promise<void> {
    const { redis, keys } = this.#parts;
    const volumeKeys = (await unansweredScript.run(redis, { keys, args: { limit: atOnce } })) as string[];
    if (volumeKeys.length === 0) return;
    const volumes = await this.#volumesAt(volumeKeys);
    const known = new Set(volumes.map(volumeKey));
    const gone = volumeKeys.filter((key) => !known.has(key));
    if (gone.length > 0) await redis.zrem(keys.started, ...gone);
    await Promise.all(
      volumes.map(async (volume) => {
        await this.#parts.nodeQueues.remove(volume.node, jobId(volume));
        await this.#requeue(volume);
      }),
    );
  }

  async #recallOne(volume: IndexedVolume): Promise<void> {
    const settled = await this.#takeBack(volume);
    if (settled !== undefined) await this.#schedule(volume, settled);
  }

  /** Removes a job that its agent has not begun, and then its renewal from the lane; undefined if there is none. */
  async #takeBack(volume: IndexedVolume): Promise<Settled | undefined> {
    const { nodeQueues, leaveLane } = this.#parts;
    const [node, id] = [volume.node, jobId(volume)];
    if (!(await nodeQueues.remove(node, id))) return undefined;
    const settled = await leaveLane(volume);
    // A failover between the two steps may have returned the job, which no lane knows any more.
    await nodeQueues.remove(node, id);
    return settled;
  }

  /** Frees the slot of a renewal that its agent refused, and returns it to its lane after a wait. */
  async deferred(volume: IndexedVolume, waitMs: number): Promise<void> {
    await this.#requeue(volume, Math.min(Math.max(waitMs, minDeferralMs), maxDeferralMs));
  }

  async #requeue(volume: IndexedVolume, deferredMs?: number): Promise<void> {
    await this.#schedule(volume, await this.#parts.leaveLane(volume, deferredMs), deferredMs);
  }

  async #schedule(volume: IndexedVolume, { requestedBy }: Settled, deferredMs?: number): Promise<void> {
    const { due, clock } = this.#parts;
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      if (requestedBy.length > 0) await due.bringForward([volume]);
      else if (deferredMs !== undefined) await due.scheduleIn(volume, deferredMs);
      else await due.schedule([volume]);
      // The job that dispatched it may still be active; when it ends, BullMQ would remove the new one with it.
      if (!(await due.isActive(jobId(volume)))) return;
      await delay(clock, attemptMs);
    }
  }

  async #volumesAt(volumeKeys: readonly string[]): Promise<readonly IndexedVolume[]> {
    const found = await Promise.all(
      volumeKeys.map((key) => {
        const { node, volumeId } = parseVolumeKey(key);
        return this.#parts.stored.get(node, volumeId);
      }),
    );
    return found.flatMap((volume) => volume ?? []);
  }
}
