// Sign-in and permissions of operators, with a real API server and a complete controller.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import type { Audit } from '../../../libs/operator-api/src/audit.ts';
import type { Session } from '../../../libs/operator-api/src/session.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { EventReader } from './event-reader.ts';
import { OperatedFleet } from './operated-fleet.ts';

const namespace = 'sign-in';

interface SignedIn {
  readonly cookie: string;
  readonly session: Session;
}

async function signIn(fleet: OperatedFleet, token: string): Promise<SignedIn> {
  const answer = await fleet.ask<Session>('session', { json: { token } });
  assert.equal(answer.status, 200);
  const set = answer.headers.get('set-cookie') ?? '';
  assert.match(set, /^certfleet=[\w-]{43}; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Strict$/);
  return { cookie: set.split(';')[0] ?? '', session: answer.body };
}

/** Adds the tests to the file that has started the cluster. */
export function signInSuite(suite: { readonly cluster: () => Cluster }): void {
  let kubeconfig: string;

  async function tokenOf(account: string, ...flags: readonly string[]): Promise<string> {
    return (await suite.cluster().kubectl(['create', 'token', account, '-n', namespace, ...flags])).stdout.trim();
  }

  describe('sign-in', () => {
    before(async () => {
      const cluster = suite.cluster();
      kubeconfig = await cluster.localKubeconfig();
      // Roles of other suites have the same names.
      const own = (name: string): string => `${namespace}-${name}`;
      const role = (name: string, verbs: readonly string[]): object => ({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: { name: own(name) },
        rules: [{ apiGroups: ['certfleet.io'], resources: ['volumes'], verbs }],
      });
      const binding = (name: string, subject: object): object => ({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name: own(name) },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: own(name) },
        subjects: [subject],
      });
      const account = (name: string): object => ({ kind: 'ServiceAccount', name, namespace });
      await cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]);
      await cluster.apply([
        ...['viewer', 'operator', 'nobody'].map((name) => ({
          apiVersion: 'v1',
          kind: 'ServiceAccount',
          metadata: { name, namespace },
        })),
        role('viewer', ['view']),
        role('operator', ['view', 'renew']),
        role('proxied', ['view', 'renew']),
        binding('viewer', account('viewer')),
        binding('operator', account('operator')),
        binding('proxied', { kind: 'Group', name: 'night-shift', apiGroup: 'rbac.authorization.k8s.io' }),
      ]);
    });

    test('a token signs in once, a viewer can read but not renew, and a session ends on sign-out', async () => {
      await using fleet = await OperatedFleet.start();
      await fleet.startController('--api-auth=kubernetes', `--kubeconfig=${kubeconfig}`);
      assert.equal((await fleet.ask('session')).status, 401);
      assert.equal((await fleet.ask('volumes')).status, 401);
      assert.equal((await fleet.ask('session', { json: { token: 'nonsense' } })).status, 401);
      const refused = await fleet.ask('session', { json: { token: await tokenOf('nobody') } });
      assert.equal(refused.status, 403);
      assert.match(
        JSON.stringify(refused.body),
        new RegExp(`${namespace}:nobody.* has no right to view .*certfleet-view`),
      );

      const token = await tokenOf('viewer');
      const { cookie, session } = await signIn(fleet, token);
      assert.deepEqual(session, {
        name: `system:serviceaccount:${namespace}:viewer`,
        rights: { view: true, renew: false },
        auth: 'kubernetes',
      });
      const page = { cookie, 'x-certfleet': 'page' };
      assert.equal((await fleet.ask('volumes', { headers: { cookie } })).status, 200);
      const json = { selection: {}, reason: 'x', everything: true, dryRun: true };
      const notAllowed = await fleet.ask('renewals', { json, headers: page });
      assert.equal(notAllowed.status, 403);
      assert.match(JSON.stringify(notAllowed.body), /:viewer.* has no right to renew .*certfleet-renew/);
      const stream = await EventReader.open(`${fleet.origin}/api/v1/events`, undefined, { cookie });
      stream.close();
      const { body } = await fleet.ask<Audit>('audit', { headers: { cookie } });
      assert.deepEqual(
        body.entries.map(({ who, action, target, outcome }) => [who, action, target, outcome]),
        [
          [session.name, 'access', 'POST /api/v1/renewals', 'refused'],
          [session.name, 'sign-in', 'session', 'done'],
          [`system:serviceaccount:${namespace}:nobody`, 'sign-in', 'session', 'refused'],
          ['unknown at 127.0.0.1', 'sign-in', 'session', 'refused'],
        ],
      );
      assert.equal((await fleet.ask('session', { method: 'DELETE', headers: page })).status, 204);
      const ended = await fleet.ask<{ code: string; message: string }>('volumes', { headers: { cookie } });
      assert.deepEqual([ended.status, ended.body.code], [401, 'unauthenticated']);
      assert.match(ended.body.message, /sign in again/);
      const everything = fleet.log.join('\n');
      assert.ok(!everything.includes(token) && !everything.includes(cookie.split('=')[1] ?? cookie));
    });

    test('an operator renews with the header that only the page can set, and by bearer token without it', async () => {
      await using fleet = await OperatedFleet.start();
      await fleet.startController('--api-auth=kubernetes', `--kubeconfig=${kubeconfig}`);
      const token = await tokenOf('operator');
      const { cookie } = await signIn(fleet, token);
      const json = { selection: {}, reason: 'x', everything: true, dryRun: true };
      const renew = async (headers: Record<string, string>): Promise<number> =>
        (await fleet.ask('renewals', { json, headers })).status;
      assert.equal(await renew({ cookie }), 403);
      assert.equal(await renew({ cookie, 'x-certfleet': 'page', origin: 'https://evil.example' }), 403);
      assert.equal(await renew({ cookie, 'x-certfleet': 'page', origin: fleet.origin }), 200);
      assert.equal(await renew({ authorization: `Bearer ${token}` }), 200);
    });

    test('token guesses and requests are rate-limited', async () => {
      await using fleet = await OperatedFleet.start();
      await fleet.startController('--api-auth=kubernetes', `--kubeconfig=${kubeconfig}`, '--api-rate-limit=20');
      const statuses: number[] = [];
      for (let i = 0; i < 12; i += 1)
        statuses.push((await fleet.ask('session', { json: { token: `guess-${i}` } })).status);
      assert.deepEqual(statuses, [...Array.from({ length: 10 }, () => 401), 429, 429]);
      const headers = { authorization: `Bearer ${await tokenOf('viewer')}` };
      const answers: number[] = [];
      for (let i = 0; i < 21; i += 1) answers.push((await fleet.ask('session', { headers })).status);
      assert.deepEqual([answers[19], answers[20]], [200, 429]);
    });

    test('a proxy is trusted only with its secret, and RBAC determines the permissions of its users', async () => {
      await using fleet = await OperatedFleet.start();
      const secretFile = join(fleet.directory, 'proxy-secret');
      writeFileSync(secretFile, 'a-secret-of-the-proxy\n');
      await fleet.startController(
        '--api-auth=proxy',
        `--api-proxy-secret-file=${secretFile}`,
        `--kubeconfig=${kubeconfig}`,
      );
      const user = { 'x-forwarded-user': 'jane', 'x-forwarded-groups': 'ops, night-shift' };
      const secret = { 'x-certfleet-proxy-secret': 'a-secret-of-the-proxy' };
      assert.equal((await fleet.ask('volumes', { headers: user })).status, 401);
      const guessed = { ...user, 'x-certfleet-proxy-secret': 'a-guess-of-the-secret' };
      assert.equal((await fleet.ask('volumes', { headers: guessed })).status, 401);
      assert.equal((await fleet.ask('volumes', { headers: { ...secret, 'x-forwarded-user': 'joe' } })).status, 403);
      const { body } = await fleet.ask<Session>('session', { headers: { ...user, ...secret } });
      assert.deepEqual(body, { name: 'jane', rights: { view: true, renew: true }, auth: 'proxy' });
      const json = { selection: {}, reason: 'x', everything: true, dryRun: true };
      assert.equal((await fleet.ask('renewals', { json, headers: { ...user, ...secret } })).status, 403);
      const page = { ...user, ...secret, 'x-certfleet': 'page' };
      assert.equal((await fleet.ask('renewals', { json, headers: page })).status, 200);
      writeFileSync(secretFile, 'another-secret-of-the-proxy\n');
      assert.equal((await fleet.ask('volumes', { headers: page })).status, 401);
    });
  });
}
