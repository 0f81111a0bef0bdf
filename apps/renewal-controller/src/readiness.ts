import type { Clock } from '@certfleet/shared/clock.ts';
import type { RedisHealth, RedisProblemKind } from './redis/redis-health.ts';

/** What a replica says of itself to the kubelet. */
export interface ReplicaStatus {
  readonly isReady: boolean;
  readonly status: 'ok' | 'degraded' | 'starting';
  /** Why it is not `ok`. */
  readonly reason: string | undefined;
}

/** What readiness rests on. */
export interface ReadinessOptions {
  readonly clock: Clock;
  readonly index: { readonly isCurrent: boolean };
  readonly redisHealth: () => RedisHealth;
}

/** A new replica takes the place of an older one only with the index loaded, if that can be had in this time. */
const loadLimitMs = 60_000;
const redisLimitMs = 15_000;

const problemReasons: Readonly<Record<RedisProblemKind, string>> = {
  unreachable: 'redis is out of reach',
  'not-primary': 'redis is a replica and takes no writes',
  'refuses-writes': 'redis refuses writes',
  forbidden: 'redis forbids what the controller needs',
};

/**
 * Whether a replica serves. A Redis that is away does not make it unready: all replicas would be, and then nobody could
 * open the page that says so, and no agent could hold its stream. It makes the replica degraded, which is said here, on
 * the page and in the metrics.
 */
export class Readiness {
  readonly #options: ReadinessOptions;
  readonly #startedMs: number;
  #isServing = false;
  #hasLoaded = false;

  constructor(options: ReadinessOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonic();
  }

  /** Every address is listened on. */
  noteServing(): void {
    this.#isServing = true;
  }

  /** Looks now. */
  look(): ReplicaStatus {
    const reason = this.#degradation();
    if (reason === undefined) this.#hasLoaded = true;
    if (!this.#isServing) return { isReady: false, status: 'starting', reason: 'not all addresses are served yet' };
    if (reason === undefined) return { isReady: true, status: 'ok', reason };
    const isReady = this.#hasLoaded || this.#isPastStart();
    return { isReady, status: isReady ? 'degraded' : 'starting', reason };
  }

  #degradation(): string | undefined {
    const { index, redisHealth } = this.#options;
    const { reachable, problem } = redisHealth();
    if (problem !== undefined) return problemReasons[problem.kind];
    if (!reachable) return problemReasons.unreachable;
    return index.isCurrent ? undefined : 'the index is not loaded';
  }

  #isPastStart(): boolean {
    const { clock, redisHealth } = this.#options;
    const limitMs = redisHealth().reachable ? loadLimitMs : redisLimitMs;
    return clock.monotonic() - this.#startedMs >= limitMs;
  }
}
