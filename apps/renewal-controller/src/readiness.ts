import type { Clock } from '@certfleet/shared/clock.ts';
import type { RedisHealth, RedisProblemKind } from './redis/redis-health.ts';

/** The status of a replica, for the kubelet. */
export interface ReplicaStatus {
  readonly isReady: boolean;
  readonly status: 'ok' | 'degraded' | 'starting';
  /** Why the status is not `ok`. */
  readonly reason: string | undefined;
}

export interface ReadinessOptions {
  readonly clock: Clock;
  readonly index: { readonly isCurrent: boolean };
  readonly redisHealth: () => RedisHealth;
  /** Why pauses of lanes may be unknown or outdated; undefined if they are not. */
  readonly intentProblem: () => string | undefined;
}

/** During a rolling update, a new replica becomes ready with the index loaded, or after this time without it. */
const loadLimitMs = 60_000;
const redisLimitMs = 15_000;

const problemReasons: Readonly<Record<RedisProblemKind, string>> = {
  unreachable: 'Redis is unreachable',
  'not-primary': 'Redis is a replica and takes no writes',
  'refuses-writes': 'Redis refuses writes',
  forbidden: 'Redis denies commands that the controller needs',
};

/**
 * Whether a replica is ready. An unavailable Redis does not make it unready: all replicas would be unready, operators
 * could not open the page that shows the problem, and agents would lose their streams. The replica is degraded instead,
 * which this status, the page and the metrics show.
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

  /** Call when every address is listening. */
  noteServing(): void {
    this.#isServing = true;
  }

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
    if (!index.isCurrent) return 'the index is not loaded';
    return this.#options.intentProblem();
  }

  #isPastStart(): boolean {
    const { clock, redisHealth } = this.#options;
    const limitMs = redisHealth().reachable ? loadLimitMs : redisLimitMs;
    return clock.monotonic() - this.#startedMs >= limitMs;
  }
}
