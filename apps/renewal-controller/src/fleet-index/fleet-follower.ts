import { batches } from '@certfleet/shared/batches.ts';
import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { noListener } from './followed-change.ts';
import type { ChangeKind, ChangeListener, FollowedChange } from './followed-change.ts';
import { FleetView } from './fleet-view.ts';
import { parseNodeInfo } from './node-session.ts';
import { ProgressReader } from './progress-reader.ts';
import { decodeVolume } from './volume-json.ts';

/** What a follower stands on. */
export interface FleetFollowerParts {
  /** A connection of its own: reading the stream blocks it. */
  readonly redis: RedisClient;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often to read when nodes were last heard of; five seconds unless it is less. */
  readonly seenEveryMs?: number;
  readonly listener?: ChangeListener;
}

const blockMs = 1_000;
const retryMs = 500;
const maxSeenMs = 5_000;
/** A stream that has not answered for this long is not followed: a read that blocks takes a second. */
const staleAfterMs = 5_000;
const nodesAtOnce = 16;

/**
 * Keeps a view whole: loads the index, then follows its stream of changes. Every entry names the one before it; one that
 * does not name the last that was read means that some are missing, and everything is loaded again.
 */
export class FleetFollower {
  readonly view = new FleetView();
  readonly #parts: FleetFollowerParts;
  readonly #progress: ProgressReader;
  readonly #stopping = new AbortController();
  #isStarted = false;
  /** Id of the last entry that the view contains; undefined: nothing is loaded; `''`: loaded from an empty stream. */
  #position: string | undefined;
  #seenAtMs = -Infinity;
  /** Monotonic time of the stream's last answer. */
  #answeredAtMs = -Infinity;

  constructor(parts: FleetFollowerParts) {
    this.#parts = parts;
    this.#progress = new ProgressReader(parts.redis, parts.keys);
  }

  /** Whether the view holds the index; false until it was loaded, and while Redis does not answer. */
  get isCurrent(): boolean {
    const { redis, clock } = this.#parts;
    // A read under way is not failed by a lost connection but sent again by the next one; and a connection whose server
    // vanished stays ready until its timeout.
    const isAnswering = redis.status === 'ready' && clock.monotonic() - this.#answeredAtMs < staleAfterMs;
    return this.#position !== undefined && isAnswering;
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    void this.#run();
  }

  /** Ends at once, whether Redis is there or not. */
  stop(): void {
    this.#stopping.abort();
    // Ends the read that blocks. Not waited for: between two connections ioredis lets go of commands without a status.
    this.#parts.redis.disconnect();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        if (this.#position === undefined) await this.#load();
        else await this.#follow(this.#position);
        this.#noteAnswer();
        await this.#readSeen();
        await this.#readProgress();
        this.#noteAnswer();
      } catch (error) {
        // Whether Redis is away is told elsewhere; what the view missed meanwhile is not known.
        this.#position = undefined;
        this.#parts.logger.debug({ error: String(error) }, 'fleet index cannot be followed');
        await delay(this.#parts.clock, retryMs, signal).catch(() => undefined);
      }
    }
  }

  #noteAnswer(): void {
    this.#answeredAtMs = this.#parts.clock.monotonic();
  }

  async #load(): Promise<void> {
    const { redis, keys } = this.#parts;
    // The position is noted before the content is read: a change in between is applied twice, never missed.
    const last = await redis.xrevrange(keys.changes, '+', '-', 'COUNT', 1);
    const infos = Object.entries(await redis.hgetall(keys.nodes));
    // Node by node in its place: two whole fleets in memory at once would be one too many.
    for (const some of batches(infos, nodesAtOnce))
      await Promise.all(some.map(([node, json]) => this.#loadNode(node, json)));
    this.view.keepOnly(new Set(infos.map(([node]) => node)));
    this.#position = last[0]?.[0] ?? '';
    this.#listener.reloaded(this.#position);
  }

  async #loadNode(node: string, json: string): Promise<void> {
    const { redis, keys } = this.#parts;
    const stored = Object.entries(await redis.hgetall(keys.volumes(node)));
    const decoded = stored.flatMap(([id, volume]) => decodeVolume(node, id, volume) ?? []);
    const volumes = new Map(decoded.map((volume) => [volume.volumeId, volume]));
    this.view.replaceNode(node, parseNodeInfo(json), volumes);
  }

  async #follow(position: string): Promise<void> {
    const { redis, keys } = this.#parts;
    const from = position === '' ? '0-0' : position;
    const read = await redis.xread('COUNT', 100, 'BLOCK', blockMs, 'STREAMS', keys.changes, from);
    const touched = this.#touched(read?.[0]?.[1] ?? []);
    if (touched === undefined) {
      this.#position = undefined;
      return;
    }
    const announced = [...(touched.get('') ?? [])] as ChangeKind[];
    touched.delete('');
    const changed = changeOf(touched);
    await Promise.all([...touched].map(([node, ids]) => this.#refresh(node, ids)));
    const kinds = [...new Set([...changed.kinds, ...announced])];
    // Told only once it can be seen.
    if (kinds.length > 0) this.#listener.changed({ position: this.#position ?? position, ...changed, kinds });
  }

  /** What entries of the stream name, by node, under `''` what is no node's; undefined when some are missing. */
  #touched(entries: readonly (readonly [string, readonly string[]])[]): Map<string, Set<string>> | undefined {
    const touched = new Map<string, Set<string>>();
    for (const [id, fields] of entries) {
      const [, before, , node = '', , ids = '[]'] = fields;
      if (before !== this.#position) return undefined;
      this.#position = id;
      const known = touched.get(node) ?? new Set();
      for (const volumeId of JSON.parse(ids) as string[]) known.add(volumeId);
      touched.set(node, known);
    }
    return touched;
  }

  /** Reads what is there now, whatever the entries said: an older value is never put over a newer one. */
  async #refresh(node: string, ids: Set<string>): Promise<void> {
    const { redis, keys } = this.#parts;
    if (ids.delete('*')) this.view.removeNode(node);
    if (ids.delete('')) {
      const json = await redis.hget(keys.nodes, node);
      if (json !== null) this.view.setNode(node, parseNodeInfo(json));
    }
    if (ids.size === 0) return;
    const volumeIds = [...ids];
    const stored = await redis.hmget(keys.volumes(node), ...volumeIds);
    for (const [i, volumeId] of volumeIds.entries()) {
      const json = stored[i];
      this.view.set(node, volumeId, json ? decodeVolume(node, volumeId, json) : undefined);
    }
  }

  get #listener(): ChangeListener {
    return this.#parts.listener ?? noListener;
  }

  async #readProgress(): Promise<void> {
    const { clock } = this.#parts;
    const progress = await this.#progress.read(clock.now(), clock.monotonic());
    if (progress === undefined) return;
    const changed = this.view.setProgress(progress);
    if (changed.length === 0 || this.#position === undefined) return;
    this.#listener.changed({ position: this.#position, kinds: ['volumes', 'lanes'], volumes: changed });
  }

  async #readSeen(): Promise<void> {
    const { redis, keys, clock, seenEveryMs = maxSeenMs } = this.#parts;
    if (clock.monotonic() - this.#seenAtMs < Math.min(maxSeenMs, seenEveryMs)) return;
    this.#seenAtMs = clock.monotonic();
    const [time, pairs] = await Promise.all([redis.time(), redis.zrange(keys.seen, 0, '-1', 'WITHSCORES')]);
    // Redis notes its own time; what is shown, and compared, is this replica's.
    const aheadMs = clock.now() - redisTimeMs(time);
    const seen = new Map<string, number>();
    for (let i = 0; i + 1 < pairs.length; i += 2) seen.set(pairs[i] ?? '', Number(pairs[i + 1]) + aheadMs);
    this.view.setSeen(seen);
  }
}

function redisTimeMs([seconds, microseconds]: readonly (number | string)[]): number {
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}

/** Entries name no volume when a node connected (`''`) or left (`'*'`). */
function changeOf(touched: ReadonlyMap<string, ReadonlySet<string>>): Pick<FollowedChange, 'kinds' | 'volumes'> {
  const isOfNode = (id: string): boolean => id === '' || id === '*';
  const places = [...touched].flatMap(([node, ids]) => [...ids].map((volumeId) => ({ node, volumeId })));
  if (places.length === 0) return { kinds: [], volumes: [] };
  const volumes = places.filter(({ volumeId }) => !isOfNode(volumeId));
  const kinds: ChangeKind[] = [];
  if (volumes.length > 0 || places.some(({ volumeId }) => volumeId === '*')) kinds.push('volumes', 'lanes', 'renewals');
  if (volumes.length < places.length) kinds.push('nodes');
  return { kinds, volumes: places.some(({ volumeId }) => volumeId === '*') ? undefined : volumes };
}
