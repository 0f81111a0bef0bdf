import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { ApiResource } from '@certfleet/shared/kube/api-resource.ts';
import { reviewToken } from './token-review.ts';

const accessReviews: ApiResource = {
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: 'subjectaccessreviews',
};

/** What an operator may be allowed: to look (`get` on volumes), or to have volumes renewed and lanes held. */
export type OperatorRight = 'view' | 'renew';

/** Who asked, for the log. */
export interface Operator {
  readonly name: string;
}

/**
 * Says who an operator's token speaks for, when that one has the right.
 * @throws CertfleetError unauthenticated or permission-denied; retryable codes when it cannot be known now
 */
export type AuthorizeOperator = (token: string | undefined, right: OperatorRight) => Promise<Operator>;

/**
 * The rights as RBAC sees them. The resource exists in no API: a ClusterRole names group, resource and verb all the same,
 * as `nodes/proxy` and others are named.
 */
const attributes: Readonly<Record<OperatorRight, { group: string; resource: string; verb: string }>> = {
  view: { group: 'certfleet.io', resource: 'volumes', verb: 'view' },
  renew: { group: 'certfleet.io', resource: 'volumes', verb: 'renew' },
};

/** Authorizes by the cluster's own rules: whose token it is (TokenReview), and what RBAC lets that one do. */
export function authorizeByAccessReview(client: Pick<KubeClient, 'request'>): AuthorizeOperator {
  return async (token, right) => {
    const { username, uid, groups, extra } = await reviewToken(client, token ?? '');
    const spec = { user: username, uid, groups, extra, resourceAttributes: attributes[right] };
    const review = (await client.request({
      verb: 'create',
      resource: accessReviews,
      body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec },
      repeatable: true,
      timeoutMs: 10_000,
    })) as { readonly status?: { readonly allowed?: boolean } };
    if (review.status?.allowed === true) return { name: username };
    throw new CertfleetError('permission-denied', `expected the right to ${right} volumes.certfleet.io, found none`);
  };
}

/** Lets everybody in: for a listener on a loopback address alone, which the configuration sees to. */
export const authorizeEverybody: AuthorizeOperator = () => Promise.resolve({ name: 'local' });
