import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ReviewClient } from './review-client.ts';
import { reviewToken } from './token-review.ts';
import type { TokenUser } from './token-review.ts';
import type { TokenReviewer, TokenReviewRequest } from './token-reviewer.ts';

/**
 * Returns the node that an agent's token belongs to. `request` gives the source of the token and whether a cached
 * result is acceptable.
 * @throws CertfleetError unauthenticated or permission-denied; retryable codes if the review could not be made
 */
export type IdentifyAgent = (token: string, request?: TokenReviewRequest) => Promise<string>;

export interface AgentTokenRules {
  readonly audience: string;
  /** The agents' ServiceAccount, as `namespace/name`. */
  readonly serviceAccount: string;
}

/** Added to the review of a pod-bound token (KEP-4193, Kubernetes 1.32 and later). */
const nodeNameKey = 'authentication.kubernetes.io/node-name';

/**
 * Identifies agents by TokenReview. The node comes from the token claims that the API server verified, never from the
 * agent.
 */
export function identifyByTokenReview(client: ReviewClient, rules: AgentTokenRules): IdentifyAgent {
  return async (token) => nodeOf(await reviewToken(client, token, rules.audience), rules);
}

/**
 * As identifyByTokenReview, but with a bounded number of requests to the API server. The reviewer must use the audience
 * of the rules.
 */
export function identifyByReviewer(reviewer: Pick<TokenReviewer, 'review'>, rules: AgentTokenRules): IdentifyAgent {
  return async (token, request = { source: 'unknown' }) => nodeOf(await reviewer.review(token, request), rules);
}

function nodeOf({ username, extra }: TokenUser, { serviceAccount }: AgentTokenRules): string {
  const expected = `system:serviceaccount:${serviceAccount.replace('/', ':')}`;
  if (username !== expected) {
    throw new CertfleetError('permission-denied', `expected a token of ${expected}, found one of ${username}`);
  }
  const [node] = extra[nodeNameKey] ?? [];
  if (node === undefined || node === '') {
    throw new CertfleetError(
      'permission-denied',
      'the token is not bound to a node; node-bound tokens need Kubernetes 1.32 or later',
    );
  }
  return node;
}
