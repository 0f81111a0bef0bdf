import { createHash } from 'node:crypto';
import { Cache } from '@certfleet/shared/cache.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { reviewAccess } from './access-review.ts';
import type { OperatorRight } from './access-review.ts';
import { FairQueue } from './fair-queue.ts';
import { bearerOf } from './operator-gate.ts';
import type { Caller, CallerTraces, OperatorGate } from './operator-gate.ts';
import type { OperatorSessions } from './operator-sessions.ts';
import type { ReviewClient } from './review-client.ts';
import type { TokenUser } from './token-review.ts';
import { TokenReviewer } from './token-reviewer.ts';
import type { TokenReviewRequest } from './token-reviewer.ts';

export interface KubernetesGateOptions {
  readonly client: ReviewClient;
  readonly sessions: Pick<OperatorSessions, 'find'>;
  readonly clock: Clock;
  /** Of the tokens; undefined for those of the API server itself. */
  readonly audience?: string;
}

/** A right that RBAC revokes may remain effective for this time. */
const rightForMs = 10_000;
const maxRights = 4_096;
/** Requests with a recently valid cookie are exempt from the rate limit of their address for this time. */
const knownForMs = 8 * 3_600_000;
const accessReviews = {
  concurrency: 4,
  concurrencyPerSource: 2,
  waitingPerSource: 16,
  waiting: 1_024,
  maxWaitMs: 10_000,
};

/** Authenticates operators by Kubernetes tokens, sent per request or at sign-in, and authorizes them by RBAC. */
export class KubernetesGate implements OperatorGate {
  readonly auth = 'kubernetes';
  readonly #options: KubernetesGateOptions;
  readonly #reviewer: TokenReviewer;
  readonly #accessReviews: FairQueue;
  readonly #rights: Cache<boolean>;
  readonly #knownCookies: Cache<true>;

  constructor(options: KubernetesGateOptions) {
    this.#options = options;
    const { client, clock, audience } = options;
    this.#reviewer = new TokenReviewer({ client, clock, ...(audience !== undefined && { audience }) });
    this.#accessReviews = new FairQueue(accessReviews, clock);
    this.#rights = new Cache({ clock, ttlMs: rightForMs, maxEntries: maxRights });
    this.#knownCookies = new Cache({ clock, ttlMs: knownForMs, maxEntries: maxRights });
  }

  async identify(traces: CallerTraces): Promise<Caller> {
    const token = bearerOf(traces);
    if (token !== undefined) return { user: await this.userOf(token, traces), proof: 'bearer' };
    const { cookie } = traces;
    if (cookie === undefined) throw new CertfleetError('unauthenticated', 'the token is missing');
    const user = await this.#options.sessions.find(cookie);
    this.#knownCookies.set(hash(cookie), true);
    return { user, proof: 'cookie' };
  }

  isKnown(traces: CallerTraces): boolean {
    const token = bearerOf(traces);
    if (token !== undefined) return this.#reviewer.isKnown(token);
    return traces.cookie !== undefined && this.#knownCookies.get(hash(traces.cookie)) === true;
  }

  /**
   * Returns the user of a token.
   * @throws as TokenReviewer.review
   */
  userOf(token: string, { source = 'unknown', isPatient }: Partial<TokenReviewRequest> = {}): Promise<TokenUser> {
    return this.#reviewer.review(token, { source, ...(isPatient !== undefined && { isPatient }) });
  }

  /** Whether the source exceeded its limit of invalid tokens. */
  isOverLimit(source: string): boolean {
    return this.#reviewer.isOverLimit(source);
  }

  allows(user: TokenUser, right: OperatorRight): Promise<boolean> {
    const key = hash(JSON.stringify([right, user]));
    const { client } = this.#options;
    return this.#rights.load(key, () =>
      this.#accessReviews.run(user.username, () => reviewAccess(client, user, right)),
    );
  }
}

/** Secrets are kept only as hashes. */
function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
