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

export interface RedisProbeParts {
  readonly redis: RedisClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Writes at each check; without it no write is tested. */
  readonly epoch?: Pick<RedisEpoch, 'beat'> | undefined;
  /** The number of nodes whose agents connect to this Redis. */
  readonly nodes?: () => number;
  /** Runs after each check that Redis answers, for example to reload lost scripts. */
  readonly maintain?: (master: Redis) => Promise<void>;
  readonly makesUsers?: boolean;
}

const intervalMs = 5_000;
/** A failover loses about a second of writes; a mark must be among them to reveal the loss. */
const beatMs = 500;
/** A missing right shows only when a command needs it, so the problem is reported for this long. */
const forbiddenForMs = 60_000;

/** Checks Redis every few seconds: latency, memory, settings, whether it accepts writes, and whether it lost any. */
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

  /** Registers a callback for a changed server, or one that lost its state. */
  onReplaced(callback: () => void): void {
    this.#replacedCallbacks.push(callback);
  }

  onStateLoss(callback: (lost: StateLoss) => void): void {
    this.#lossCallbacks.push(callback);
  }

  /** Records an error reply of any command. */
  noteFault(fault: RedisFault, error: Error): void {
    // Without the right to channels, replicas work without relaying queries; the relay logs that once.
    if (fault !== 'forbidden' || /channel|'(?:un)?subscribe'|'publish'/.test(error.message)) return;
    const problem = redisProblem(fault, error);
    if (problem !== undefined) this.#forbidden = { problem, atMs: this.#parts.clock.monotonic() };
  }

  start(): void {
    // Detects a restart as soon as the connection is back, not at the next interval.
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

  /** Checks once, or joins the check in progress; never throws. */
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
    // The connection's owner logs lost and restored connections.
    const reported = problem === undefined || problem.kind === 'unreachable' ? undefined : problem;
    if (reported?.kind !== this.#loggedProblem) {
      const { logger } = this.#parts;
      if (reported !== undefined)
        logger.error({ problem: reported.kind, error: reported.message }, problemText[reported.kind]);
      else logger.info('Redis accepts writes again and the controller has all rights');
      this.#loggedProblem = reported?.kind;
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

  /** One beat at a time: each reads the preceding one. */
  #armBeat(): void {
    this.#cancelBeat = this.#parts.clock.schedule(beatMs, () => {
      // The next check reports that Redis refuses writes.
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
      logger.error({ lost }, 'Redis lost state: it is restored from agents, objects and events');
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
    this.#parts.logger.warn('Redis was restarted or failed over, requesting a full resync from every agent');
    for (const callback of this.#replacedCallbacks) callback();
  }

  /** Logs each warning once, whenever it becomes true. */
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
  unreachable: 'Redis does not respond',
  'not-primary': 'Redis is a replica and refuses writes; check its address',
  'refuses-writes': 'Redis refuses writes; no renewals are scheduled until it has free memory and disk',
  forbidden: "Redis denies commands that the controller needs; compare its user's rights with docs/redis.md",
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
