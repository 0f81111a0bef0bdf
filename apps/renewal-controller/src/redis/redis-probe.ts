import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { Cluster } from 'ioredis';
import type { Redis } from 'ioredis';
import type { RedisClient } from './create-redis.ts';

/** How Redis stands. */
export interface RedisHealth {
  readonly reachable: boolean;
  /** Round trip of a PING in milliseconds; of the slowest master on a Cluster. */
  readonly latencyMs: number | undefined;
  /** Anything but `noeviction` may throw scheduled renewals away when memory is short. */
  readonly maxmemoryPolicy: string | undefined;
  readonly usedMemoryBytes: number | undefined;
  /** Redis' maxmemory, of all masters together; undefined without one. */
  readonly maxMemoryBytes: number | undefined;
}

/** What the probe stands on. */
export interface RedisProbeParts {
  readonly redis: RedisClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

const intervalMs = 5_000;
const unreachable: RedisHealth = {
  reachable: false,
  latencyMs: undefined,
  maxmemoryPolicy: undefined,
  usedMemoryBytes: undefined,
  maxMemoryBytes: undefined,
};

/** Looks at Redis every few seconds: latency, memory, eviction policy, and whether it is still the same server. */
export class RedisProbe {
  readonly #parts: RedisProbeParts;
  readonly #replacedCallbacks: (() => void)[] = [];
  #health = unreachable;
  #runIds: string | undefined;
  #warnedOfPolicy: string | undefined;
  #cancel: CancelTimer | undefined;

  constructor(parts: RedisProbeParts) {
    this.#parts = parts;
  }

  get health(): RedisHealth {
    return this.#health;
  }

  onReplaced(callback: () => void): void {
    this.#replacedCallbacks.push(callback);
  }

  start(): void {
    // A restart is seen as soon as the connection is back, not at the next turn.
    this.#parts.redis.on('ready', this.#onReady);
    this.#arm();
  }

  stop(): void {
    this.#parts.redis.off('ready', this.#onReady);
    this.#cancel?.();
  }

  /** Looks once; never throws. */
  async look(): Promise<void> {
    try {
      const masters = this.#masters();
      const seen = await Promise.all(masters.map((master) => lookAt(master, this.#parts.clock)));
      this.#health = {
        reachable: seen.length > 0,
        latencyMs: Math.max(0, ...seen.map(({ latencyMs }) => latencyMs)),
        maxmemoryPolicy: seen.find(({ policy }) => policy !== 'noeviction')?.policy ?? seen[0]?.policy,
        usedMemoryBytes: seen.reduce((sum, { usedBytes }) => sum + usedBytes, 0),
        maxMemoryBytes: seen.reduce((sum, { maxBytes }) => sum + maxBytes, 0) || undefined,
      };
      this.#warnOfEviction();
      this.#compare(
        seen
          .map(({ runId }) => runId)
          .sort()
          .join(),
      );
    } catch {
      this.#health = unreachable;
    }
  }

  readonly #onReady = (): void => void this.look();

  #arm(): void {
    this.#cancel = this.#parts.clock.schedule(intervalMs, () => {
      this.#arm();
      void this.look();
    });
  }

  #masters(): readonly Redis[] {
    const { redis } = this.#parts;
    return redis instanceof Cluster ? redis.nodes('master') : [redis];
  }

  #compare(runIds: string): void {
    const before = this.#runIds;
    this.#runIds = runIds;
    if (before === undefined || before === runIds || runIds === '') return;
    this.#parts.logger.warn('redis was restarted or failed over, asking every agent for its volumes');
    for (const callback of this.#replacedCallbacks) callback();
  }

  #warnOfEviction(): void {
    const { maxmemoryPolicy } = this.#health;
    if (maxmemoryPolicy === this.#warnedOfPolicy) return;
    this.#warnedOfPolicy = maxmemoryPolicy;
    if (maxmemoryPolicy !== undefined && maxmemoryPolicy !== 'noeviction')
      this.#parts.logger.warn(
        { maxmemoryPolicy },
        'redis may evict scheduled renewals: set maxmemory-policy to noeviction',
      );
  }
}

interface Seen {
  readonly latencyMs: number;
  readonly runId: string;
  readonly policy: string | undefined;
  readonly usedBytes: number;
  readonly maxBytes: number;
}

async function lookAt(redis: Redis, clock: Clock): Promise<Seen> {
  const startedMs = clock.now();
  await redis.ping();
  const latencyMs = clock.now() - startedMs;
  // One section a call: several in one need Redis 7.
  const text = (await redis.info('server')) + (await redis.info('memory'));
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(text)?.[1];
  return {
    latencyMs,
    runId: field('run_id') ?? '',
    policy: field('maxmemory_policy'),
    usedBytes: Number(field('used_memory') ?? 0),
    maxBytes: Number(field('maxmemory') ?? 0),
  };
}
