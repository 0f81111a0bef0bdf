import { createHash } from 'node:crypto';
import { Cache } from '@certfleet/shared/cache.ts';
import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import { FairQueue } from './fair-queue.ts';
import type { ReviewClient } from './review-client.ts';
import { reviewToken, tokenClaims } from './token-review.ts';
import type { TokenUser } from './token-review.ts';

export interface TokenReviewerOptions {
  readonly client: ReviewClient;
  readonly clock: Clock;
  /** Undefined for tokens of the API server itself. */
  readonly audience?: string;
}

export interface TokenReviewRequest {
  /** Source of the request as returned by `sourceOf`. */
  readonly source: string;
  /** Ignores cached results, for rechecking the token of an open stream. */
  readonly isFresh?: boolean;
  /** Waits for a rate-limited source instead of failing at once, for a person who signs in. */
  readonly isPatient?: boolean;
}

/** A cached result: the user of the token, or its rejection. */
type Verdict = { readonly user: TokenUser } | { readonly error: CertfleetError };

const validForMs = 10_000;
const invalidForMs = 30_000;
/** How long a valid token or account is exempt from the limit of its source. */
const knownForMs = 8 * 3_600_000;
const maxEntries = 4_096;

/** Maximum failed reviews per window, of one source or of one known account at one source. */
const failures = { max: 10, windowMs: 60_000 };
/** Beyond the limit one review of that source starts per this interval. */
const pacedMs = 500;
/** Maximum wait for this pace: at sign-in, for a token in JWT form, and for any other token. */
const maxPaceWaitMs = { signIn: 5_000, jwt: 2_000, other: 0 };

const queueLimits = {
  concurrency: 6,
  concurrencyPerSource: 2,
  waitingPerSource: 128,
  waiting: 4_096,
  maxWaitMs: 10_000,
};
/** Tokens that were valid before bypass the queue of unknown tokens. */
const knownQueueLimits = { ...queueLimits, concurrency: 3 };

interface Paced {
  /** Key under which failures are counted. */
  readonly limited: string;
  readonly maxWaitMs: number;
  readonly queue: FairQueue;
}

interface FailureWindow {
  count: number;
  nextPacedMs: number;
}

/**
 * Reviews tokens with a bounded number of requests to the API server. Results are cached, sources with many invalid
 * tokens are slowed down, and known tokens and accounts are exempt from these limits.
 */
export class TokenReviewer {
  readonly #options: TokenReviewerOptions;
  readonly #verdicts: Cache<Verdict>;
  readonly #known: Cache<true>;
  readonly #failures: Cache<FailureWindow>;
  readonly #inFlight = new Map<string, Promise<TokenUser>>();
  readonly #queue: FairQueue;
  readonly #knownQueue: FairQueue;

  constructor(options: TokenReviewerOptions) {
    this.#options = options;
    const { clock } = options;
    this.#verdicts = new Cache({ clock, ttlMs: validForMs, maxEntries });
    this.#known = new Cache({ clock, ttlMs: knownForMs, maxEntries: 2 * maxEntries });
    this.#failures = new Cache({ clock, ttlMs: failures.windowMs, maxEntries: 2 * maxEntries });
    this.#queue = new FairQueue(queueLimits, clock);
    this.#knownQueue = new FairQueue(knownQueueLimits, clock);
  }

  /** Whether the token was valid in an earlier review; it may be invalid now. */
  isKnown(token: string): boolean {
    return this.#known.get(hash(token)) === true;
  }

  /**
   * Returns the user of a token.
   * @throws CertfleetError unauthenticated; resource-exhausted if its source sent too many invalid tokens; unavailable
   *   if the review could not be made
   */
  review(token: string, request: TokenReviewRequest): Promise<TokenUser> {
    const key = hash(token);
    if (request.isFresh !== true) {
      const verdict = this.#verdicts.get(key);
      if (verdict !== undefined)
        return 'user' in verdict ? Promise.resolve(verdict.user) : Promise.reject(verdict.error);
    }
    // Concurrent reviews of the same token are one review.
    const inFlight = this.#inFlight.get(key);
    if (inFlight !== undefined) return inFlight;
    const review = this.#review(token, key, request).finally(() => this.#inFlight.delete(key));
    this.#inFlight.set(key, review);
    review.catch(() => undefined);
    return review;
  }

  async #review(token: string, key: string, request: TokenReviewRequest): Promise<TokenUser> {
    const { client, audience } = this.#options;
    const { subject } = tokenClaims(token);
    // Only a JWT names an account before its review.
    const account = subject === undefined ? undefined : hash(`account ${subject}`);
    const isKnownAccount = account !== undefined && this.#known.get(account) === true;
    const work = (): Promise<TokenUser> => reviewToken(client, token, audience);
    if (this.#known.get(key) === true) return await this.#judge(key, undefined, this.#knownQueue.run(key, work));
    const limited = isKnownAccount ? `${request.source} ${account}` : request.source;
    const queue = isKnownAccount ? this.#knownQueue : this.#queue;
    const tokenWaitMs = subject === undefined ? maxPaceWaitMs.other : maxPaceWaitMs.jwt;
    const maxWaitMs = request.isPatient === true ? maxPaceWaitMs.signIn : tokenWaitMs;
    const user = await this.#judge(key, limited, this.#paced({ limited, maxWaitMs, queue }, work));
    if (account !== undefined) this.#known.set(account, true);
    return user;
  }

  /**
   * Queues a review. Reviews that waited together passed the check before the first of them failed, so each is checked
   * again.
   */
  async #paced({ limited, maxWaitMs, queue }: Paced, work: () => Promise<TokenUser>): Promise<TokenUser> {
    for (;;) {
      const isPaced = await this.#awaitPace(limited, maxWaitMs);
      const user = await queue.run(limited, () =>
        isPaced || !this.#isAtLimit(limited) ? work() : Promise.resolve(undefined),
      );
      if (user !== undefined) return user;
    }
  }

  /** Caches the result of a review. */
  async #judge(key: string, limited: string | undefined, review: Promise<TokenUser>): Promise<TokenUser> {
    try {
      const user = await review;
      this.#verdicts.set(key, { user });
      this.#known.set(key, true);
      return user;
    } catch (thrown) {
      const error = asCertfleetError(thrown);
      if (error.code === 'unauthenticated') {
        this.#verdicts.set(key, { error }, invalidForMs);
        this.#known.delete(key);
        if (limited !== undefined) this.#countFailure(limited);
      }
      throw error;
    }
  }

  #countFailure(limited: string): void {
    const window = this.#failures.get(limited);
    if (window === undefined) this.#failures.set(limited, { count: 1, nextPacedMs: 0 });
    else window.count += 1;
  }

  #isAtLimit(limited: string): boolean {
    return (this.#failures.get(limited)?.count ?? 0) >= failures.max;
  }

  /**
   * Lets a rate-limited source make one review per interval, so that a valid token from the same address can still
   * pass.
   * @returns whether this review waited for its turn
   */
  async #awaitPace(limited: string, maxWaitMs: number): Promise<boolean> {
    const { clock } = this.#options;
    const window = this.#failures.get(limited);
    if (window === undefined || !this.#isAtLimit(limited)) return false;
    const nowMs = clock.monotonic();
    const atMs = Math.max(nowMs, window.nextPacedMs);
    if (atMs - nowMs > maxWaitMs) throw tooManyFailures(atMs - nowMs);
    window.nextPacedMs = atMs + pacedMs;
    if (atMs > nowMs) await delay(clock, atMs - nowMs);
    return true;
  }

  /** Whether a source has exceeded its limit of failures. */
  isOverLimit(source: string): boolean {
    return (this.#failures.get(source)?.count ?? 0) > failures.max;
  }
}

function tooManyFailures(retryAfterMs: number): CertfleetError {
  return new CertfleetError('resource-exhausted', 'too many tokens from your address were not valid: try again later', {
    reason: 'TooManyFailures',
    retryAfterMs: Math.max(1_000, retryAfterMs),
  });
}

/** Tokens are kept only as hashes. */
function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
