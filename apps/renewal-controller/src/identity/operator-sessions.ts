import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { tokenClaims } from './token-review.ts';
import type { TokenUser } from './token-review.ts';

/** What sessions stand on. */
export interface OperatorSessionsOptions {
  readonly redis: RedisClient;
  readonly keys: RedisKeys;
  readonly clock: Clock;
}

/** A session as the browser gets it. */
export interface OpenedSession {
  /** Secret: the value of the cookie. */
  readonly id: string;
  readonly lifetimeMs: number;
}

const maxMs = 8 * 3_600_000;

/**
 * Who is signed in, in Redis, so that any replica knows. A session is found by the hash of its id, and holds who the
 * token spoke for, never the token: whoever reads Redis can act as nobody.
 */
export class OperatorSessions {
  readonly #options: OperatorSessionsOptions;

  constructor(options: OperatorSessionsOptions) {
    this.#options = options;
  }

  /** Opens a session that ends with the token, or after eight hours. @throws CertfleetError unauthenticated at its end */
  async open(user: TokenUser, token: string): Promise<OpenedSession> {
    const { redis, clock } = this.#options;
    const lifetimeMs = Math.min(maxMs, (tokenClaims(token).expiresMs ?? Infinity) - clock.now());
    if (lifetimeMs < 1) throw new CertfleetError('unauthenticated', 'expected a valid token, found an expired one');
    const id = randomBytes(32).toString('base64url');
    await redis.set(this.#keyOf(id), JSON.stringify(user), 'PX', Math.ceil(lifetimeMs));
    return { id, lifetimeMs };
  }

  /** Whose session it is. @throws CertfleetError unauthenticated, reason SessionExpired, when there is none any more */
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
