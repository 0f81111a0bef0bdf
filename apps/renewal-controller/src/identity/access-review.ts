import type { ApiResource } from '@certfleet/shared/kube/api-resource.ts';
import type { ReviewClient } from './review-client.ts';
import type { TokenUser } from './token-review.ts';

const accessReviews: ApiResource = {
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: 'subjectaccessreviews',
};

/**
 * Rights of operators: `view` reads, `renew` also starts renewals and pauses lanes. The right of signers: `sign` uses the
 * lanes of issuers.
 */
export type OperatorRight = 'view' | 'renew' | 'sign';

/**
 * The resource attributes that RBAC checks. No API serves this resource; a ClusterRole can name it like `nodes/proxy`.
 */
const attributes: Readonly<Record<OperatorRight, { group: string; resource: string; verb: string }>> = {
  view: { group: 'certfleet.io', resource: 'volumes', verb: 'view' },
  renew: { group: 'certfleet.io', resource: 'volumes', verb: 'renew' },
  sign: { group: 'certfleet.io', resource: 'lanes', verb: 'sign' },
};

/**
 * Asks RBAC whether a user has a right.
 * @throws as KubeClient.request
 */
export async function reviewAccess(
  client: ReviewClient,
  { username, uid, groups, extra }: TokenUser,
  right: OperatorRight,
): Promise<boolean> {
  const spec = { user: username, uid, groups, extra, resourceAttributes: attributes[right] };
  const review = (await client.request({
    verb: 'create',
    resource: accessReviews,
    body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec },
    repeatable: true,
    timeoutMs: 10_000,
  })) as { readonly status?: { readonly allowed?: boolean } };
  return review.status?.allowed === true;
}
