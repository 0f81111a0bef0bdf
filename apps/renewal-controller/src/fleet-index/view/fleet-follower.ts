import { batches } from '@certfleet/shared/batches.ts';
import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { RedisClient } from '../../redis/create-redis.ts';
import type { RedisKeys } from '../../redis/redis-keys.ts';
import { noListener } from '../model/followed-change.ts';
import type { ChangeKind, ChangeListener, FollowedChange } from '../model/followed-change.ts';
import { FleetView } from './fleet-view.ts';
import type { PostureLimit } from './posture-limits.ts';
import { parseNodeInfo } from '../model/node-session.ts';
import { ProgressReader } from './progress-reader.ts';
import { decodeVolume } from '../model/volume-json.ts';

export interface FleetFollowerParts {
  /** A dedicated connection: reading the stream blocks it. */
  readonly redis: RedisClient;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Interval between reads of the nodes' last-seen times; at most five seconds. */
  readonly seenEveryMs?: number;
  readonly listener?: ChangeListener;
  /** Limits whose violations are counted; none if absent. */
  readonly postureLimits?: readonly PostureLimit[];
}

const blockMs = 1_000;
const retryMs = 500;
const maxSeenMs = 5_000;
/** The view is stale if the stream has not answered for this long; a blocking read takes one second. */
const staleAfterMs = 5_000;
const nodesAtOnce = 16;

/**
 * Keeps a view complete: loads the index, then follows its stream of changes. Every entry names its predecessor; if
 * that is not the last entry read, entries are missing and the index is loaded again.
 */
export class FleetFollower {
  readonly view: FleetView;
  readonly #parts: FleetFollowerParts;
  readonly #progress: ProgressReader;
  readonly #stopping = new AbortController();
  #isStarted = false;
  /** Id of the last entry that the view contains; undefined: nothing loaded; `''`: loaded from an empty stream. */
  #position: string | undefined;
  #seenAtMs = -Infinity;
  /** Monotonic time of the last response of the stream. */
  #answeredAtMs = -Infinity;

  constructor(parts: FleetFollowerParts) {
    this.#parts = parts;
    this.view = new FleetView(parts.postureLimits);
    this.#progress = new ProgressReader(parts.redis, parts.keys);
  }

  /** Whether the view contains the index; false until it is loaded and while Redis does not answer. */
  get isCurrent(): boolean {
    const { redis, clock } = this.#parts;
    // A lost connection does not fail a pending read, which ioredis repeats on the next one; and a connection to a
    // vanished server stays ready until its timeout.
    const isAnswering = redis.status === 'ready' && clock.monotonic() - this.#answeredAtMs < staleAfterMs;
    return this.#position !== undefined && isAnswering;
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    void this.#run();
  }

  /** Ends at once, also while Redis is unavailable. */
  stop(): void {
    this.#stopping.abort();
    // Aborts the blocking read. Not awaited: between two connections ioredis drops commands without settling them.
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
        // The connection's owner logs the outage; the changes that the view missed are unknown.
        this.#position = undefined;
        this.#parts.logger.debug({ error: String(error) }, 'cannot follow the fleet index, retrying');
        await delay(this.#parts.clock, retryMs, signal).catch(() => undefined);
      }
    }
  }

  #noteAnswer(): void {
    this.#answeredAtMs = this.#parts.clock.monotonic();
  }

  async #load(): Promise<void> {
    const { redis, keys } = this.#parts;
    // The position is read before the content: a concurrent change is applied twice, never missed.
    const last = await redis.xrevrange(keys.changes, '+', '-', 'COUNT', 1);
    const infos = Object.entries(await redis.hgetall(keys.nodes));
    // Replaces node by node, to avoid two copies of the whole fleet in memory.
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
    // Announced after the view contains the change.
    if (kinds.length > 0) this.#listener.changed({ position: this.#position ?? position, ...changed, kinds });
  }

  /**
   * The ids named by entries of the stream, by node, with `''` for changes without a node; undefined if entries are
   * missing.
   */
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

  /**
   * Reads the current state, regardless of the content of the entries, so that an older value never replaces a newer
   * one.
   */
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
    // Last-seen times use Redis' clock; they are shown and compared in this replica's time.
    const aheadMs = clock.now() - redisTimeMs(time);
    const seen = new Map<string, number>();
    for (let i = 0; i + 1 < pairs.length; i += 2) seen.set(pairs[i] ?? '', Number(pairs[i + 1]) + aheadMs);
    this.view.setSeen(seen);
  }
}

function redisTimeMs([seconds, microseconds]: readonly (number | string)[]): number {
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}

/** Entries without a volume mark a node that connected (`''`) or was removed (`'*'`). */
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
