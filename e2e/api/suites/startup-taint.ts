// The startup taint on a real API server, with the rights of the chart's ServiceAccount and a token that names the node.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { NodeReadiness } from '../../../apps/node-agent/src/kube/node-readiness.ts';
import { systemClock } from '../../../libs/shared/src/clock.ts';
import { KubeClient } from '../../../libs/shared/src/kube/api-client.ts';
import { nodes } from '../../../libs/shared/src/kube/api-resource.ts';
import { kubeconfigCredentials } from '../../../libs/shared/src/kube/kubeconfig-credentials.ts';
import { createLogger } from '../../../libs/shared/src/logger.ts';
import { render } from '../../chart/render-chart.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { eventually } from '../../fleet/support/eventually.ts';
import { kubeconfigWithToken } from '../issuer-fixture.ts';

const taintKey = 'certfleet.io/agent-not-ready';
const label = { key: 'certfleet.io/agent', value: 'ready' };
const namespace = 'cert-manager';

interface RawNode {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly taints?: readonly { readonly key: string }[]; readonly unschedulable?: boolean };
}

let cluster: Cluster;
let client: KubeClient;

async function node(name: string): Promise<RawNode> {
  return JSON.parse((await cluster.kubectl(['get', 'node', name, '-o', 'json'])).stdout) as RawNode;
}

/** A patch that adds a taint to whatever list the node has then. */
const added = (key: string): string =>
  JSON.stringify([{ op: 'add', path: '/spec/taints/-', value: { key, value: 'x', effect: 'NoSchedule' } }]);

const keys = ({ spec }: RawNode): string[] => (spec.taints ?? []).map(({ key }) => key);

function readiness(nodeName: string): NodeReadiness {
  return new NodeReadiness({ client, nodeName, taintKey, label, clock: systemClock, log: createLogger(0) });
}

export function startupTaintSuite(context: () => Cluster): void {
  describe('the startup taint on a real API server', { concurrency: false }, () => {
    before(async () => {
      cluster = context();
      const chart = await render({ 'controller.enabled': false, 'app.driver.startupTaint.enabled': true });
      const kinds = /^(ClusterRole|ClusterRoleBinding|ServiceAccount|ValidatingAdmissionPolicy(Binding)?)$/;
      await cluster.apply(chart.filter(({ kind }) => kinds.test(kind)));
      for (const name of ['own', 'other']) {
        const taints = [
          { key: 'example.com/kept', value: 'yes', effect: 'NoSchedule' },
          { key: taintKey, effect: 'NoSchedule' },
        ];
        await cluster.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: { taints } });
      }
      const agent = {
        nodeName: 'own',
        serviceAccountName: 'certfleet',
        containers: [{ name: 'agent', image: 'agent' }],
      };
      await cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'agent', namespace }, spec: agent });
      const bound = ['--bound-object-kind', 'Pod', '--bound-object-name', 'agent'];
      const token = await cluster.kubectl(['create', 'token', 'certfleet', '--namespace', namespace, ...bound]);
      const kubeconfig = await kubeconfigWithToken(cluster, token.stdout.trim());
      client = new KubeClient({ credentials: kubeconfigCredentials(kubeconfig, systemClock), clock: systemClock });
    });
    after(() => client.stop());

    test('the policy lets an agent change only its own node, and only taints and labels', async () => {
      const patch = (name: string, body: object): Promise<unknown> =>
        client.request({ verb: 'patch', resource: nodes, name, body });
      await eventually('the policy', async () => {
        const refused = await patch('other', { metadata: { labels: { a: 'b' } } }).catch((error: unknown) =>
          String(error),
        );
        return String(refused).includes('an agent may change only the node that it runs on');
      });
      await assert.rejects(patch('own', { spec: { unschedulable: true } }), /only taints and labels/);
      await assert.rejects(client.request({ verb: 'delete', resource: nodes, name: 'own' }), /forbidden/);
      await assert.rejects(client.request({ verb: 'list', resource: nodes }), /forbidden/);
      assert.ok(keys(await node('other')).includes(taintKey));
    });

    test('an agent removes the taint, keeps the others and sets the label', async () => {
      const marked = readiness('own');
      marked.registered();
      await eventually('no taint', async () => !keys(await node('own')).includes(taintKey));
      await marked.stop();
      const { metadata, spec } = await node('own');
      assert.ok(keys({ metadata, spec }).includes('example.com/kept'));
      assert.equal(metadata.labels[label.key], label.value);
      assert.notEqual(spec.unschedulable, true);
    });

    test('a taint that returns is removed at the next registration, while others change the list', async () => {
      await cluster.kubectl(['taint', 'node', 'own', `${taintKey}=x:NoExecute`]);
      const marked = readiness('own');
      const changes = Array.from({ length: 10 }, (_, index) =>
        cluster.kubectl(['patch', 'node', 'own', '--type=json', '-p', added(`example.com/t${index}`)]),
      );
      marked.registered();
      await Promise.all(changes);
      await eventually('no taint', async () => !keys(await node('own')).includes(taintKey));
      await marked.stop();
      const left = keys(await node('own')).filter((key) => key.startsWith('example.com/t'));
      assert.equal(left.length, 10);
    });
  });
}
