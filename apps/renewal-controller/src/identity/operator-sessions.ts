import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { tokenClaims } from './token-review.ts';
import type { TokenUser } from './token-review.ts';

export interface OperatorSessionsOptions {
  readonly redis: RedisClient;
  readonly keys: RedisKeys;
  readonly clock: Clock;
}

export interface OpenedSession {
  /** Secret: the value of the cookie. */
  readonly id: string;
  readonly lifetimeMs: number;
}

const maxMs = 8 * 3_600_000;

/**
 * Sessions of operators in Redis, shared by all replicas. The key is a hash of the session id, and the value is the
 * user, never the token, so that read access to Redis does not allow impersonation.
 */
export class OperatorSessions {
  readonly #options: OperatorSessionsOptions;

  constructor(options: OperatorSessionsOptions) {
    this.#options = options;
  }

  /**
   * Opens a session that ends with the token or after eight hours.
   * @throws CertfleetError unauthenticated if the token has expired
   */
  async open(user: TokenUser, token: string): Promise<OpenedSession> {
    const { redis, clock } = this.#options;
    const lifetimeMs = Math.min(maxMs, (tokenClaims(token).expiresMs ?? Infinity) - clock.now());
    if (lifetimeMs < 1) throw new CertfleetError('unauthenticated', 'the token has expired');
    const id = randomBytes(32).toString('base64url');
    await redis.set(this.#keyOf(id), JSON.stringify(user), 'PX', Math.ceil(lifetimeMs));
    return { id, lifetimeMs };
  }

  /**
   * Returns the user of a session.
   * @throws CertfleetError unauthenticated, reason SessionExpired, if there is no such session
   */
  async find(id: string): Promise<TokenUser> {
    const json = await this.#options.redis.get(this.#keyOf(id));
    if (json !== null) return JSON.parse(json) as TokenUser;
    throw new CertfleetError('unauthenticated', 'the session has ended: sign in again', { reason: 'SessionExpired' });
  }

  async close(id: string): Promise<void> {
    await this.#options.redis.del(this.#keyOf(id));
  }

  #keyOf(id: string): string {
    return this.#options.keys.session(createHash('sha256').update(id).digest('base64url'));
  }
}
