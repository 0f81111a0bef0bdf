// The command line with a kubeconfig and a real API server. There is no kubelet, so no port can be forwarded: the tests on
// a real node do that.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { controllerInCluster } from '../../../apps/renewal-controller/src/cli/cluster-access.ts';
import type { ControllerChoice } from '../../../apps/renewal-controller/src/cli/cluster-access.ts';
import type { ForwardPort, PodPort } from '../../../apps/renewal-controller/src/cli/port-forward.ts';
import { systemClock } from '../../../libs/shared/src/clock.ts';
import { kubeconfigCredentials } from '../../../libs/shared/src/kube/kubeconfig-credentials.ts';
import { render } from '../../chart/render-chart.ts';
import type { Rendered } from '../../chart/render-chart.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { runPlugin } from '../../support/run-plugin.ts';

interface KubeconfigSuite {
  readonly cluster: () => Cluster;
  /** A namespace without a controller. */
  readonly namespace: string;
}

interface ServiceFields {
  readonly spec: { readonly selector: object; readonly ports: readonly { readonly targetPort: string }[] };
}

const name = 'certfleet-controller';

/** Adds the tests to the file that has started the cluster. */
export function kubeconfigSuite({ cluster, namespace }: KubeconfigSuite): void {
  let admin: string;
  let viewer: string;
  const choice = (more: Partial<ControllerChoice> = {}): ControllerChoice => ({
    ...{ kubeconfig: admin, context: undefined, env: {} },
    ...{ controller: undefined, serviceAccount: undefined, ca: undefined },
    ...more,
  });

  describe('the command line with a kubeconfig', () => {
    before(async () => {
      admin = await cluster().localKubeconfig();
      const isService = ({ kind, metadata }: Rendered): boolean => kind === 'Service' && metadata.name === name;
      const service = (await render()).find(isService) as (Rendered & ServiceFields) | undefined;
      assert.ok(service);
      const meta = { name, namespace };
      const ports = service.spec.ports.map(({ targetPort }, i) => ({ name: targetPort, containerPort: 9_000 + i }));
      const image = { name: 'c', image: 'c', ports };
      await cluster().apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      await cluster().apply([
        { ...service, metadata: { ...service.metadata, namespace } },
        {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { ...meta, name: `${name}-tls` },
          stringData: { 'ca.crt': 'the CA' },
        },
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { ...meta, name: 'viewer' } },
        {
          ...{ apiVersion: 'v1', kind: 'Pod', metadata: { ...meta, labels: service.spec.selector } },
          spec: { serviceAccountName: 'viewer', containers: [image] },
        },
      ]);
      const status = JSON.stringify({ status: { conditions: [{ type: 'Ready', status: 'True' }] } });
      await cluster().kubectl(['patch', 'pod', name, '-n', namespace, '--subresource=status', '--patch', status]);
      const { stdout } = await cluster().kubectl(['create', 'token', 'viewer', '-n', namespace]);
      viewer = join(cluster().directory, 'viewer.kubeconfig');
      const { server, tls } = await kubeconfigCredentials(admin, systemClock).access();
      const ca = Buffer.from(String(tls.ca)).toString('base64');
      const config = {
        clusters: [{ name: 'c', cluster: { server, 'certificate-authority-data': ca } }],
        users: [{ name: 'u', user: { token: stdout.trim() } }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'x',
      };
      await writeFile(viewer, JSON.stringify(config));
    });

    test('finds Service, pod, port and CA, and creates a token of a ServiceAccount', async () => {
      const forwards: PodPort[] = [];
      const forward: ForwardPort = (_, target) => {
        forwards.push(target);
        return Promise.reject(new Error('not forwarded'));
      };
      const access = await controllerInCluster(choice({ serviceAccount: `${namespace}/viewer` }), forward);
      assert.deepEqual([access.server, access.ca], [`https://${name}.${namespace}.svc`, 'the CA']);
      const [, claims = ''] = (access.token ?? '').split('.');
      const { sub, exp, iat } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
      assert.deepEqual([sub, Number(exp) - Number(iat)], [`system:serviceaccount:${namespace}:viewer`, 600]);
      await assert.rejects(access.open(), /not forwarded/);
      assert.deepEqual(forwards, [{ namespace, pod: name, port: 9_001 }]);
    });

    test('says what a user without rights lacks', async () => {
      const forbidden = (what: string) => ({
        code: 'permission-denied',
        message: new RegExp(`could not ${what}.*forbidden`),
      });
      await assert.rejects(controllerInCluster(choice({ kubeconfig: viewer })), forbidden('search the Service'));
      const controller = `${namespace}/${name}`;
      await assert.rejects(
        controllerInCluster(choice({ kubeconfig: viewer, controller })),
        forbidden('read the Service'),
      );
    });

    test('reports a port-forward that the API server refuses, without a stack', async () => {
      const env = { KUBECONFIG: admin, CERTFLEET_TOKEN: 'x' };
      const { exitCode, complaint } = await runPlugin(cluster().directory, env, 'nodes');
      assert.equal(exitCode, 1);
      assert.match(
        complaint,
        /^kubectl certfleet: could not reach the controller .*could not forward a port to the pod .*\n$/,
      );
    });
  });
}
