// A pod's events, rollouts of workloads, and the command line with a kubeconfig, on a real API server.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { podEventReader } from '../../../apps/renewal-controller/src/kube/pod-events.ts';
import { systemClock } from '../../../libs/shared/src/clock.ts';
import { KubeClient } from '../../../libs/shared/src/kube/api-client.ts';
import { kubeconfigCredentials } from '../../../libs/shared/src/kube/kubeconfig-credentials.ts';
import type { KubeAccess } from '../../../libs/shared/src/kube/kube-credentials.ts';
import { named } from '../../chart/controller-objects.ts';
import { render } from '../../chart/render-chart.ts';
import { rolloutSuite } from './rollout-suite.ts';
import type { Cluster } from '../../cluster/cluster.ts';

const namespace = 'shop';

function event(name: string, uid: string, fields: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace },
    involvedObject: { kind: 'Pod', namespace, name: 'web', uid },
    type: 'Normal',
    reason: name,
    ...fields,
  };
}

/** Adds the tests to the file that has started the cluster. */
export function podEventsSuite(suite: { readonly cluster: () => Cluster }): void {
  let podUid: string;
  const clients: KubeClient[] = [];

  async function uidOf(pod: string): Promise<string> {
    const { stdout } = await suite
      .cluster()
      .kubectl(['get', 'pod', pod, '-n', namespace, '-o', 'jsonpath={.metadata.uid}']);
    return stdout.trim();
  }

  /** A client with the identity of a ServiceAccount. */
  async function clientAs(account: string): Promise<KubeClient> {
    const admin = await kubeconfigCredentials(await suite.cluster().localKubeconfig(), systemClock).access();
    const { stdout } = await suite.cluster().kubectl(['create', 'token', account, '-n', namespace]);
    const { ca } = admin.tls;
    const access: KubeAccess = {
      server: admin.server,
      headers: { authorization: `Bearer ${stdout.trim()}` },
      tls: ca === undefined ? {} : { ca },
    };
    const credentials = { access: () => Promise.resolve(access), invalidate: () => undefined };
    const client = new KubeClient({ credentials, clock: systemClock });
    clients.push(client);
    return client;
  }

  describe('what the API server tells about pods', () => {
    before(async () => {
      const cluster = suite.cluster();
      const meta = (name: string): object => ({ metadata: { name, namespace } });
      const pod = (name: string): object => ({
        apiVersion: 'v1',
        kind: 'Pod',
        ...meta(name),
        spec: { serviceAccountName: 'controller', containers: [{ name: 'web', image: 'web' }] },
      });
      await cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]);
      await cluster.apply(
        ['controller', 'stranger'].map((name) => ({ apiVersion: 'v1', kind: 'ServiceAccount', ...meta(name) })),
      );
      await cluster.apply([pod('web'), pod('other')]);
      const role = named(await render(), 'ClusterRole', 'certfleet-controller');
      await cluster.apply([
        { ...role, apiVersion: 'rbac.authorization.k8s.io/v1' },
        {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRoleBinding',
          metadata: { name: 'controller' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'certfleet-controller' },
          subjects: [{ kind: 'ServiceAccount', name: 'controller', namespace }],
        },
      ]);
      podUid = await uidOf('web');
    });
    after(() => {
      for (const client of clients) client.stop();
    });

    describe('pod events', () => {
      test("returns the pod's events, latest first, of the older and the newer kind, and of no other pod", async () => {
        const at = (minute: number): string => `2026-11-26T10:0${minute}:00Z`;
        await suite.cluster().apply([
          event('First', podUid, { lastTimestamp: at(1), count: 3, message: 'seen thrice' }),
          event('Third', podUid, { lastTimestamp: at(3), type: 'Warning', message: 'x'.repeat(1024) }),
          event('Second', podUid, {
            eventTime: '2026-11-26T10:00:00.000000Z',
            action: 'Renew',
            reportingComponent: 'certfleet.io/agent',
            reportingInstance: 'agent-1',
            series: { count: 7, lastObservedTime: '2026-11-26T10:02:00.000000Z' },
          }),
          event('Foreign', await uidOf('other'), { lastTimestamp: at(4) }),
        ]);
        const { events, unavailable } = await podEventReader(await clientAs('controller'))({ namespace, podUid });
        assert.equal(unavailable, undefined);
        assert.deepEqual(
          events.map((each) => [each.reason, each.type, each.count, each.at]),
          [
            ['Third', 'Warning', 1, '2026-11-26T10:03:00.000Z'],
            ['Second', 'Normal', 7, '2026-11-26T10:02:00.000Z'],
            ['First', 'Normal', 3, '2026-11-26T10:01:00.000Z'],
          ],
        );
        assert.equal(events[2]?.message, 'seen thrice');
      });

      test('returns at most one page', async () => {
        const uid = '0b8f8f5c-0000-4000-8000-000000000001';
        const many = Array.from({ length: 120 }, (_, i) =>
          event(`many-${i}`, uid, {
            lastTimestamp: new Date(Date.UTC(2026, 10, 26) + i * 1000).toISOString().replace('.000', ''),
          }),
        );
        await suite.cluster().apply(many);
        const { events } = await podEventReader(await clientAs('controller'))({ namespace, podUid: uid });
        assert.deepEqual([events.length, events[0]?.reason, events.at(-1)?.reason], [100, 'many-119', 'many-20']);
      });

      test('reports why there are none: no permission, no API server, no pod to ask about', async () => {
        const pod = { namespace, podUid };
        const refused = await podEventReader(await clientAs('stranger'))(pod);
        assert.deepEqual(refused.events, []);
        assert.match(
          refused.unavailable ?? '',
          /^cannot read events from the API server: .*cannot list resource "events"/,
        );
        const away: Pick<KubeClient, 'request'> = { request: () => Promise.reject(new Error('connect ECONNREFUSED')) };
        assert.equal(
          (await podEventReader(away)(pod)).unavailable,
          'cannot read events from the API server: connect ECONNREFUSED',
        );
        const asked = { request: () => assert.fail('asked the API server') };
        for (const hostile of [
          { namespace: '../../nodes', podUid },
          { namespace: '', podUid },
          { namespace, podUid: '' },
          { namespace, podUid: `${podUid},involvedObject.name!=x` },
        ]) {
          const answer = await podEventReader(asked)(hostile);
          assert.equal(answer.unavailable, 'the node reported no valid pod');
        }
      });
    });

    rolloutSuite({ cluster: suite.cluster, clientAs, namespace });
  });
}
