import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { reviewAccess } from './access-review.ts';
import { identifyByTokenReview } from './agent-identity.ts';
import { reviewToken } from './token-review.ts';

interface Review {
  readonly spec: { readonly token?: string; readonly audiences?: readonly string[]; readonly user?: string };
}

/** A fake API server that returns the given statuses in order. */
function answering(...statuses: readonly unknown[]): Pick<KubeClient, 'request'> & { readonly seen: Review[] } {
  const seen: Review[] = [];
  return {
    seen,
    request: ({ body }) => {
      seen.push(body as Review);
      return Promise.resolve({ status: statuses[seen.length - 1] });
    },
  };
}

const agent = {
  authenticated: true,
  audiences: ['certfleet'],
  user: {
    username: 'system:serviceaccount:certfleet:agent',
    extra: { 'authentication.kubernetes.io/node-name': ['node-7'] },
  },
};
const rules = { audience: 'certfleet', serviceAccount: 'certfleet/agent' };

describe('token and access reviews', () => {
  test('takes the node from the claims that the API server verified', async () => {
    const client = answering(agent);
    assert.equal(await identifyByTokenReview(client, rules)('the-token'), 'node-7');
    assert.deepEqual(client.seen[0]?.spec, { token: 'the-token', audiences: ['certfleet'] });
  });

  test('rejects a token that is invalid, of another audience or account, or without a node', async () => {
    const refusals: readonly (readonly [unknown, string])[] = [
      [{ authenticated: false }, 'unauthenticated'],
      [{ ...agent, audiences: ['https://kubernetes.default.svc'] }, 'unauthenticated'],
      [{ ...agent, audiences: undefined }, 'unauthenticated'],
      [{ ...agent, user: { ...agent.user, username: 'system:serviceaccount:other:agent' } }, 'permission-denied'],
      [{ ...agent, user: { ...agent.user, extra: {} } }, 'permission-denied'],
      [undefined, 'unauthenticated'],
    ];
    for (const [status, code] of refusals) {
      await assert.rejects(identifyByTokenReview(answering(status), rules)('the-token'), { code });
    }
  });

  test('rejects an empty or oversized token without a request', async () => {
    const client = answering(agent, agent);
    await assert.rejects(reviewToken(client, ''), { code: 'unauthenticated' });
    await assert.rejects(reviewToken(client, 'x'.repeat(20_000)), { code: 'unauthenticated' });
    assert.equal(client.seen.length, 0);
  });

  test('allows an operator what RBAC allows the user of the token, and nothing else', async () => {
    const user = { authenticated: true, user: { username: 'jane', groups: ['ops'] } };
    const allowed = answering(user, { allowed: true });
    const jane = await reviewToken(allowed, 'token');
    assert.equal(await reviewAccess(allowed, jane, 'renew'), true);
    assert.deepEqual(allowed.seen[1]?.spec, {
      user: 'jane',
      uid: '',
      groups: ['ops'],
      extra: {},
      resourceAttributes: { group: 'certfleet.io', resource: 'volumes', verb: 'renew' },
    });
    assert.equal(await reviewAccess(answering({ allowed: false }), jane, 'renew'), false);
  });
});
