import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { parseVolumeKey, volumeKey } from '../fleet-index/volume-key.ts';
import type { IndexedVolume } from '../fleet-index/indexed-volume.ts';
import type { Settled } from '../lanes/lane-admission.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import { luaScript } from '../redis/lua-script.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import type { DueQueue } from './due-queue.ts';
import type { NodeQueues } from './node-queues.ts';
import { jobId } from './renewal-job.ts';
import type { StoredVolumes } from './stored-volumes.ts';

/** What recalls work with. */
export interface RecallsParts {
  readonly redis: RedisClient;
  readonly keys: RedisKeys;
  readonly stored: StoredVolumes;
  readonly nodeQueues: Pick<NodeQueues, 'remove'>;
  readonly due: Pick<DueQueue, 'schedule' | 'scheduleIn' | 'bringForward' | 'isActive'>;
  readonly clock: Clock;
  /** Takes a renewal out of its lane; with a wait, since its agent refuses it for that long. */
  readonly leaveLane: (volume: IndexedVolume, restMs?: number) => Promise<Settled>;
}

const atOnce = 100;
/** A job ends within milliseconds of its handing over; one of a replica that was killed comes again by itself. */
const attemptMs = 50;
const maxAttempts = 20;
/** Bounds of what an agent may defer a renewal by: neither a loop, nor longer than any back-off. */
const minDeferralMs = 1_000;
const maxDeferralMs = 48 * 3_600_000;

/** What was not answered by the time at which its slot is given up. KEYS started. ARGV at most so many. */
const unansweredScript = luaScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])`);

/**
 * Takes renewals back from the queues of nodes as long as their agents have not begun them, and puts them back in front of
 * their lanes: what an operator pauses or cancels must not be carried out later by a job that was handed over before.
 */
export class Recalls {
  readonly #parts: RecallsParts;

  constructor(parts: RecallsParts) {
    this.#parts = parts;
  }

  /** Recalls whatever started renewal is meant. An agent that works on one already completes it. */
  async recall(isMeant: (volumes: readonly IndexedVolume[]) => Promise<ReadonlySet<IndexedVolume>>): Promise<void> {
    const { redis, keys } = this.#parts;
    let cursor = '0';
    do {
      const [next, pairs] = await redis.zscan(keys.started, cursor, 'COUNT', atOnce);
      cursor = next;
      const volumes = await this.#volumesAt(pairs.filter((_, i) => i % 2 === 0));
      await Promise.all((await isMeant(volumes)).values().map((volume) => this.#one(volume)));
    } while (cursor !== '0');
  }

  /** Takes one renewal back for its own job, which is to come again. */
  async withdraw(volume: IndexedVolume): Promise<void> {
    if (await this.#parts.nodeQueues.remove(volume.node, jobId(volume))) await this.#parts.leaveLane(volume);
  }

  /** Sends what was not answered in time through its lane again, and what its agent does not know to be queued with it. */
  async unanswered(): Promise<void> {
    const { redis, keys } = this.#parts;
    const places = (await unansweredScript.run(redis, [keys.started], [atOnce])) as string[];
    if (places.length === 0) return;
    const volumes = await this.#volumesAt(places);
    const known = new Set(volumes.map(volumeKey));
    const gone = places.filter((place) => !known.has(place));
    if (gone.length > 0) await redis.zrem(keys.started, ...gone);
    await Promise.all(
      volumes.map(async (volume) => {
        await this.#parts.nodeQueues.remove(volume.node, jobId(volume));
        await this.#again(volume);
      }),
    );
  }

  async #one(volume: IndexedVolume): Promise<void> {
    if (await this.#parts.nodeQueues.remove(volume.node, jobId(volume))) await this.#again(volume);
  }

  /** Gives the slot of a renewal back that its agent refused, and sends it through its lane again after a wait. */
  async deferred(volume: IndexedVolume, waitMs: number): Promise<void> {
    await this.#again(volume, Math.min(Math.max(waitMs, minDeferralMs), maxDeferralMs));
  }

  async #again(volume: IndexedVolume, deferredMs?: number): Promise<void> {
    const { due, leaveLane, clock } = this.#parts;
    const { requestedBy } = await leaveLane(volume, deferredMs);
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      if (requestedBy.length > 0) await due.bringForward([volume]);
      else if (deferredMs !== undefined) await due.scheduleIn(volume, deferredMs);
      else await due.schedule([volume]);
      // The job that handed it over may not have ended yet, and would take this one with it.
      if (!(await due.isActive(jobId(volume)))) return;
      await delay(clock, attemptMs);
    }
  }

  async #volumesAt(places: readonly string[]): Promise<readonly IndexedVolume[]> {
    const found = await Promise.all(
      places.map((place) => {
        const { node, volumeId } = parseVolumeKey(place);
        return this.#parts.stored.get(node, volumeId);
      }),
    );
    return found.flatMap((volume) => volume ?? []);
  }
}
