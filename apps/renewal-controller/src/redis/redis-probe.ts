import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { redisFault } from '@certfleet/shared/redis-errors.ts';
import type { RedisFault } from '@certfleet/shared/redis-errors.ts';
import { Cluster } from 'ioredis';
import type { Redis } from 'ioredis';
import type { RedisClient } from './create-redis.ts';
import type { RedisEpoch, StateLoss } from './redis-epoch.ts';
import { redisProblem, unreachableRedis } from './redis-health.ts';
import type { RedisHealth, RedisProblem } from './redis-health.ts';
import { lookAtServer, redisWarnings } from './redis-settings.ts';
import type { ServerLook } from './redis-settings.ts';

/** What the probe stands on. */
export interface RedisProbeParts {
  readonly redis: RedisClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Writes at each look; without it no write is tried. */
  readonly epoch?: Pick<RedisEpoch, 'beat'> | undefined;
  /** Nodes whose agents connect to this Redis. */
  readonly nodes?: () => number;
  /** Done at each look that Redis answers, such as loading scripts that it lost. */
  readonly maintain?: (master: Redis) => Promise<void>;
  readonly makesUsers?: boolean;
}

const intervalMs = 5_000;
/** A failover misses about a second of writes, in which a mark must be, or the loss would not be seen. */
const beatMs = 500;
/** A right that is missing is met only when somebody needs it. */
const forbiddenForMs = 60_000;

/** Looks at Redis every few seconds: latency, memory, settings, whether it takes writes, and whether it lost any. */
export class RedisProbe {
  readonly #parts: RedisProbeParts;
  readonly #replacedCallbacks: (() => void)[] = [];
  readonly #lossCallbacks: ((lost: StateLoss) => void)[] = [];
  readonly #warned = new Set<string>();
  #health = unreachableRedis;
  #runIds: string | undefined;
  #forbidden: { readonly problem: RedisProblem; readonly atMs: number } | undefined;
  #loggedProblem: string | undefined;
  #looking: Promise<void> | undefined;
  #beating: Promise<void> | undefined;
  #cancel: CancelTimer | undefined;
  #cancelBeat: CancelTimer | undefined;
  #isStopped = false;

  constructor(parts: RedisProbeParts) {
    this.#parts = parts;
  }

  get health(): RedisHealth {
    return this.#health;
  }

  /** Calls back when the server is another one than before, or lost what it held. */
  onReplaced(callback: () => void): void {
    this.#replacedCallbacks.push(callback);
  }

  onStateLoss(callback: (lost: StateLoss) => void): void {
    this.#lossCallbacks.push(callback);
  }

  /** Takes note of an error reply that some command got. */
  noteFault(fault: RedisFault, error: Error): void {
    // Without the right to channels replicas do without asking each other, which is said once where it is missed.
    if (fault !== 'forbidden' || /channel|'(?:un)?subscribe'|'publish'/.test(error.message)) return;
    const problem = redisProblem(fault, error);
    if (problem !== undefined) this.#forbidden = { problem, atMs: this.#parts.clock.monotonic() };
  }

  start(): void {
    // A restart is seen as soon as the connection is back, not at the next turn.
    this.#parts.redis.on('ready', this.#onReady);
    this.#arm();
    if (this.#parts.epoch !== undefined) this.#armBeat();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelBeat?.();
    this.#parts.redis.off('ready', this.#onReady);
    this.#cancel?.();
  }

  /** Looks once, or joins the look that is under way; never throws. */
  async look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { clock, maintain, makesUsers = false } = this.#parts;
    let problem: RedisProblem | undefined;
    let seen: readonly ServerLook[] = [];
    try {
      const masters = this.#masters();
      seen = await Promise.all(masters.map((master) => lookAtServer(master, clock, makesUsers)));
      if (seen.length === 0) problem = { kind: 'unreachable', message: 'no master of the Cluster is known' };
      await this.#beat();
      this.#compare(seen);
      if (maintain !== undefined) await Promise.all(masters.map((master) => maintain(master)));
    } catch (thrown) {
      problem = redisProblem(redisFault(thrown), thrown) ?? { kind: 'unreachable', message: String(thrown) };
    }
    this.#note(seen, problem ?? this.#recentlyForbidden());
  }

  #note(seen: readonly ServerLook[], problem: RedisProblem | undefined): void {
    this.#health = seen.length === 0 ? { ...unreachableRedis, problem } : healthOf(seen, problem);
    // That a connection is lost or found is logged by its owner.
    const told = problem === undefined || problem.kind === 'unreachable' ? undefined : problem;
    if (told?.kind !== this.#loggedProblem) {
      const { logger } = this.#parts;
      if (told !== undefined) logger.error({ problem: told.kind, error: told.message }, problemText[told.kind]);
      else logger.info('redis takes writes again and has all rights');
      this.#loggedProblem = told?.kind;
    }
    this.#warn(seen);
  }

  #recentlyForbidden(): RedisProblem | undefined {
    if (this.#forbidden === undefined) return undefined;
    const isRecent = this.#parts.clock.monotonic() - this.#forbidden.atMs < forbiddenForMs;
    return isRecent ? this.#forbidden.problem : undefined;
  }

  readonly #onReady = (): void => void this.look();

  #arm(): void {
    this.#cancel = this.#parts.clock.schedule(intervalMs, () => {
      this.#arm();
      void this.look();
    });
  }

  /** Each beat by itself: the next one says what the last one was. */
  #armBeat(): void {
    this.#cancelBeat = this.#parts.clock.schedule(beatMs, () => {
      // That Redis takes no writes is told by the next look.
      void this.#beat()
        .catch(() => undefined)
        .finally(() => {
          if (!this.#isStopped) this.#armBeat();
        });
    });
  }

  async #beat(): Promise<void> {
    const { epoch, logger } = this.#parts;
    if (epoch === undefined) return;
    const beat = async (): Promise<void> => {
      const lost = await epoch.beat();
      if (lost === undefined) return;
      logger.error({ lost }, 'redis lost state: lane pauses, running bulk renewals and audit entries may be gone');
      for (const callback of this.#lossCallbacks) callback(lost);
      for (const callback of this.#replacedCallbacks) callback();
    };
    this.#beating ??= beat().finally(() => (this.#beating = undefined));
    await this.#beating;
  }

  #masters(): readonly Redis[] {
    const { redis } = this.#parts;
    return redis instanceof Cluster ? redis.nodes('master') : [redis];
  }

  #compare(seen: readonly ServerLook[]): void {
    const before = this.#runIds;
    const runIds = seen
      .map(({ runId }) => runId)
      .sort()
      .join();
    if (runIds !== '') this.#runIds = runIds;
    const isReplaced = before !== undefined && runIds !== '' && before !== runIds;
    if (!isReplaced) return;
    this.#parts.logger.warn('redis was restarted or failed over, asking every agent for its volumes');
    for (const callback of this.#replacedCallbacks) callback();
  }

  /** Each warning once for each time that it becomes true. */
  #warn(seen: readonly ServerLook[]): void {
    if (seen.length === 0) return;
    const warnings = redisWarnings(seen, this.#parts.nodes?.() ?? 0);
    for (const [key, { fields, message }] of warnings) {
      if (!this.#warned.has(key)) this.#parts.logger.warn(fields, message);
    }
    this.#warned.clear();
    for (const key of warnings.keys()) this.#warned.add(key);
  }
}

const problemText: Readonly<Record<RedisProblem['kind'], string>> = {
  unreachable: 'redis does not answer',
  'not-primary': 'redis is a replica and takes no writes; check where its address leads',
  'refuses-writes': 'redis refuses writes; renewals are no longer scheduled until it has memory and disk again',
  forbidden: "redis forbids what the controller needs; compare its user's rights with docs/redis.md",
};

function healthOf(seen: readonly ServerLook[], problem: RedisProblem | undefined): RedisHealth {
  const fullest = seen.toSorted((a, b) => b.clients / b.clientLimit - a.clients / a.clientLimit)[0];
  return {
    reachable: problem?.kind !== 'unreachable',
    problem,
    latencyMs: Math.max(0, ...seen.map(({ latencyMs }) => latencyMs)),
    maxmemoryPolicy: seen.find(({ policy }) => policy !== 'noeviction')?.policy ?? seen[0]?.policy,
    usedMemoryBytes: seen.reduce((sum, { usedBytes }) => sum + usedBytes, 0),
    maxMemoryBytes: seen.reduce((sum, { maxBytes }) => sum + maxBytes, 0) || undefined,
    clients: fullest && { connected: fullest.clients, limit: fullest.clientLimit },
  };
}
