// Identities of agents and operators with a real API server.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { KubeClient } from '../../../libs/shared/src/kube/api-client.ts';
import { kubeconfigCredentials } from '../../../libs/shared/src/kube/kubeconfig-credentials.ts';
import { systemClock } from '../../../libs/shared/src/clock.ts';
import { identifyByTokenReview } from '../../../apps/renewal-controller/src/identity/agent-identity.ts';
import { KubernetesGate } from '../../../apps/renewal-controller/src/identity/kubernetes-gate.ts';
import type { Cluster } from '../../cluster/cluster.ts';

const namespace = 'certfleet';
const rules = { audience: 'certfleet', serviceAccount: `${namespace}/agent` };

/** Adds the tests to the file that has started the cluster. */
export function identitySuite(suite: { readonly cluster: () => Cluster }): void {
  let client: KubeClient;

  /** A token as the kubelet would project it; without a pod it is not bound to a node. */
  async function tokenOf(
    account: string,
    options: { readonly pod?: string; readonly audience?: string },
  ): Promise<string> {
    const binding = options.pod === undefined ? [] : ['--bound-object-kind=Pod', `--bound-object-name=${options.pod}`];
    const audience = options.audience === undefined ? [] : [`--audience=${options.audience}`];
    const { stdout } = await suite
      .cluster()
      .kubectl(['create', 'token', account, '-n', namespace, ...binding, ...audience]);
    return stdout.trim();
  }

  describe('identity', () => {
    before(async () => {
      const cluster = suite.cluster();
      client = new KubeClient({
        credentials: kubeconfigCredentials(await cluster.localKubeconfig(), systemClock),
        clock: systemClock,
      });
      const meta = (name: string): object => ({ metadata: { name, namespace } });
      const account = (name: string): object => ({ apiVersion: 'v1', kind: 'ServiceAccount', ...meta(name) });
      const pod = (name: string, serviceAccountName: string, nodeName: string): object => ({
        apiVersion: 'v1',
        kind: 'Pod',
        ...meta(name),
        spec: { serviceAccountName, nodeName, containers: [{ name: 'agent', image: 'agent' }] },
      });
      const role = (name: string, verbs: readonly string[], resource = 'volumes'): object => ({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: { name },
        rules: [{ apiGroups: ['certfleet.io'], resources: [resource], verbs }],
      });
      const binding = (name: string): object => ({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
        subjects: [{ kind: 'ServiceAccount', name, namespace }],
      });
      await cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]);
      await cluster.apply(['agent', 'other', 'viewer', 'operator', 'signer'].map(account));
      await cluster.apply([
        ...['node-1', 'node-2'].map((name) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } })),
        pod('agent-1', 'agent', 'node-1'),
        pod('agent-2', 'agent', 'node-2'),
        pod('other-1', 'other', 'node-1'),
        role('viewer', ['view']),
        role('operator', ['view', 'renew']),
        role('signer', ['sign'], 'lanes'),
        binding('signer'),
        binding('viewer'),
        binding('operator'),
      ]);
    });
    after(() => client.stop());

    test('an agent has the identity of the node that its pod runs on', async () => {
      const identify = identifyByTokenReview(client, rules);
      assert.equal(await identify(await tokenOf('agent', { pod: 'agent-1', audience: 'certfleet' })), 'node-1');
      assert.equal(await identify(await tokenOf('agent', { pod: 'agent-2', audience: 'certfleet' })), 'node-2');
    });

    test('rejects a token of another audience, another account or no node, and a forged one', async () => {
      const identify = identifyByTokenReview(client, rules);
      const good = await tokenOf('agent', { pod: 'agent-1', audience: 'certfleet' });
      const [header = '', , signature = ''] = good.split('.');
      const claims = JSON.parse(Buffer.from(good.split('.')[1] ?? '', 'base64url').toString()) as {
        'kubernetes.io': { node: { name: string } };
      };
      claims['kubernetes.io'].node.name = 'node-2';
      const forged = [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
      const refusals: readonly (readonly [string, string])[] = [
        [await tokenOf('agent', { pod: 'agent-1' }), 'unauthenticated'],
        [await tokenOf('agent', { pod: 'agent-1', audience: 'vault' }), 'unauthenticated'],
        [forged, 'unauthenticated'],
        ['nonsense', 'unauthenticated'],
        [await tokenOf('other', { pod: 'other-1', audience: 'certfleet' }), 'permission-denied'],
        [await tokenOf('agent', { audience: 'certfleet' }), 'permission-denied'],
      ];
      for (const [token, code] of refusals) await assert.rejects(identify(token), { code });
    });

    test('a deleted pod loses its identity', async () => {
      const token = await tokenOf('agent', { pod: 'agent-2', audience: 'certfleet' });
      await suite.cluster().kubectl(['delete', 'pod', 'agent-2', '-n', namespace, '--force', '--grace-period=0']);
      await assert.rejects(identifyByTokenReview(client, rules)(token), { code: 'unauthenticated' });
    });

    test('operators have the permissions of RBAC: view and renew are separate verbs', async () => {
      const sessions = { find: () => Promise.reject(new Error('expected no session to be asked for')) };
      const gate = new KubernetesGate({ client, sessions, clock: systemClock });
      const rightsOf = async (account: string): Promise<object> => {
        const headers = { authorization: `Bearer ${await tokenOf(account, {})}` };
        const { user } = await gate.identify({ headers, cookie: undefined });
        assert.equal(user.username, `system:serviceaccount:${namespace}:${account}`);
        return { view: await gate.allows(user, 'view'), renew: await gate.allows(user, 'renew') };
      };
      assert.deepEqual(await rightsOf('viewer'), { view: true, renew: false });
      assert.deepEqual(await rightsOf('operator'), { view: true, renew: true });
      assert.deepEqual(await rightsOf('other'), { view: false, renew: false });
      // A token for the agents' API is not valid for operators.
      await assert.rejects(gate.userOf(await tokenOf('operator', { audience: 'certfleet' })), {
        code: 'unauthenticated',
      });
    });

    test('a signer has the right to sign in lanes by RBAC, with a token for the controller alone', async () => {
      const sessions = { find: () => Promise.reject(new Error('expected no session to be asked for')) };
      const gate = new KubernetesGate({ client, sessions, clock: systemClock, audience: 'certfleet' });
      const maySign = async (account: string): Promise<boolean> =>
        await gate.allows(await gate.userOf(await tokenOf(account, { audience: 'certfleet' })), 'sign');
      assert.equal(await maySign('signer'), true);
      assert.equal(await maySign('operator'), false);
      await assert.rejects(gate.userOf(await tokenOf('signer', {})), { code: 'unauthenticated' });
    });
  });
}
