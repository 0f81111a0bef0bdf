import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ReviewClient } from './review-client.ts';
import { reviewToken } from './token-review.ts';
import type { TokenUser } from './token-review.ts';
import type { TokenReviewer, TokenReviewRequest } from './token-reviewer.ts';

/**
 * Says which node an agent's token speaks for; `request` says where it came from and whether it must be reviewed anew.
 * @throws CertfleetError unauthenticated or permission-denied; retryable codes when it cannot be known now
 */
export type IdentifyAgent = (token: string, request?: TokenReviewRequest) => Promise<string>;

/** What an agent's token must be. */
export interface AgentTokenRules {
  readonly audience: string;
  /** The agents' ServiceAccount, as `namespace/name`. */
  readonly serviceAccount: string;
}

/** Put into the review of a token that is bound to a pod (KEP-4193, Kubernetes 1.32 and later). */
const nodeNameKey = 'authentication.kubernetes.io/node-name';

/** Identifies agents by TokenReview: the node is the one that the kubelet asked the token for, whatever an agent says. */
export function identifyByTokenReview(client: ReviewClient, rules: AgentTokenRules): IdentifyAgent {
  return async (token) => nodeOf(await reviewToken(client, token, rules.audience), rules);
}

/** The same at a bounded cost for the API server. The reviewer's audience must be that of the rules. */
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
      'expected a token that is bound to a node, found one without; Kubernetes 1.32 or later puts it there',
    );
  }
  return node;
}
