import { createHash } from 'node:crypto';
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
import { TtlCache } from './ttl-cache.ts';

/** What the gate works with. */
export interface KubernetesGateOptions {
  readonly client: ReviewClient;
  readonly sessions: Pick<OperatorSessions, 'find'>;
  readonly clock: Clock;
}

/** How long a right holds: what RBAC takes away is away after this. */
const rightForMs = 10_000;
const maxRights = 4_096;
/** A cookie that was good in this time passes the limit of its address. */
const knownForMs = 8 * 3_600_000;
const accessReviews = {
  concurrency: 4,
  concurrencyPerSource: 2,
  waitingPerSource: 16,
  waiting: 1_024,
  maxWaitMs: 10_000,
};

/** Knows operators by their Kubernetes tokens, sent with each request or once at sign-in, and asks RBAC what they may. */
export class KubernetesGate implements OperatorGate {
  readonly auth = 'kubernetes';
  readonly #options: KubernetesGateOptions;
  readonly #reviewer: TokenReviewer;
  readonly #accessReviews: FairQueue;
  readonly #rights: TtlCache<Promise<boolean>>;
  readonly #knownCookies: TtlCache<true>;

  constructor(options: KubernetesGateOptions) {
    this.#options = options;
    const { client, clock } = options;
    this.#reviewer = new TokenReviewer({ client, clock });
    this.#accessReviews = new FairQueue(accessReviews, clock);
    this.#rights = new TtlCache({ clock, ttlMs: rightForMs, maxEntries: maxRights });
    this.#knownCookies = new TtlCache({ clock, ttlMs: knownForMs, maxEntries: maxRights });
  }

  async identify(traces: CallerTraces): Promise<Caller> {
    const token = bearerOf(traces);
    if (token !== undefined) return { user: await this.userOf(token, traces), proof: 'bearer' };
    const { cookie } = traces;
    if (cookie === undefined) throw new CertfleetError('unauthenticated', 'expected a valid token, found none');
    const user = await this.#options.sessions.find(cookie);
    this.#knownCookies.set(hash(cookie), true);
    return { user, proof: 'cookie' };
  }

  isKnown(traces: CallerTraces): boolean {
    const token = bearerOf(traces);
    if (token !== undefined) return this.#reviewer.isKnown(token);
    return traces.cookie !== undefined && this.#knownCookies.get(hash(traces.cookie)) === true;
  }

  /** Whose token it is. @throws as TokenReviewer.review does */
  userOf(token: string, { source = 'unknown', isPatient }: Partial<TokenReviewRequest> = {}): Promise<TokenUser> {
    return this.#reviewer.review(token, { source, ...(isPatient !== undefined && { isPatient }) });
  }

  /** Whether so many tokens of a source were not valid that it is to be told so. */
  isOverLimit(source: string): boolean {
    return this.#reviewer.isOverLimit(source);
  }

  allows(user: TokenUser, right: OperatorRight): Promise<boolean> {
    const key = hash(JSON.stringify([right, user]));
    const known = this.#rights.get(key);
    if (known !== undefined) return known;
    const { client } = this.#options;
    const asked = this.#accessReviews.run(user.username, () => reviewAccess(client, user, right));
    this.#rights.set(key, asked);
    // A review that was not made is no answer to the next who asks.
    asked.catch(() => this.#rights.delete(key));
    return asked;
  }
}

/** Secrets are not kept, not even for seconds. */
function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
