import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { reviewToken } from './token-review.ts';

/**
 * Says which node an agent's token speaks for.
 * @throws CertfleetError unauthenticated or permission-denied; retryable codes when it cannot be known now
 */
export type IdentifyAgent = (token: string) => Promise<string>;

/** What an agent's token must be. */
export interface AgentTokenRules {
  readonly audience: string;
  /** The agents' ServiceAccount, as `namespace/name`. */
  readonly serviceAccount: string;
}

/** Put into the review of a token that is bound to a pod (KEP-4193, Kubernetes 1.32 and later). */
const nodeNameKey = 'authentication.kubernetes.io/node-name';

/** Identifies agents by TokenReview: the node is the one that the kubelet asked the token for, whatever an agent says. */
export function identifyByTokenReview(
  client: Pick<KubeClient, 'request'>,
  { audience, serviceAccount }: AgentTokenRules,
): IdentifyAgent {
  const expected = `system:serviceaccount:${serviceAccount.replace('/', ':')}`;
  return async (token) => {
    const { username, extra } = await reviewToken(client, token, audience);
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
  };
}
