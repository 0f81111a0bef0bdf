// Additional trust of a published volume on a real API server, with the rights of the chart's agent.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { systemClock } from '@certfleet/shared/clock.ts';
import { parseAllDocuments } from 'yaml';

import { testRoot } from '../../../apps/node-agent/src/crypto/testing/test-roots.ts';
import type { TestRoot } from '../../../apps/node-agent/src/crypto/testing/test-roots.ts';
import { certificatesOf } from '../../../apps/node-agent/src/crypto/ca-certificates.ts';
import { VolumeTestHarness } from '../../../apps/node-agent/src/volume/testing/volume-test-harness.ts';
import { KubeClient } from '../../../libs/shared/src/kube/api-client.ts';
import { kubeconfigCredentials } from '../../../libs/shared/src/kube/kubeconfig-credentials.ts';
import { render } from '../../chart/render-chart.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { eventually } from '../../fleet/support/eventually.ts';
import { kubeconfigWithToken } from '../issuer-fixture.ts';

let cluster: Cluster;
let client: KubeClient;
let harness: VolumeTestHarness;

const anyObject = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
/** A definition with the fields that agents read, wherever the chart has none. */
const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'carotations.certfleet.io' },
  spec: {
    group: 'certfleet.io',
    scope: 'Cluster',
    names: { plural: 'carotations', singular: 'carotation', kind: 'CARotation' },
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', properties: { spec: anyObject, status: anyObject } } },
      },
    ],
  },
};

const trusted = (volumeId: string): readonly string[] =>
  certificatesOf(harness.store.readPayload(volumeId).get('ca.crt')?.toString() ?? '').map((each) => each.fingerprint);

/** The volumes' clock advances while a test waits: intervals and back-offs of the agent pass. */
const becomes = (what: string, volumeId: string, roots: readonly TestRoot[]): Promise<void> =>
  eventually(what, async () => {
    await harness.clock.advance(5_000);
    return trusted(volumeId).join() === roots.map(({ fingerprint }) => fingerprint).join();
  });

const patchStatus = (state: string, roots: readonly TestRoot[]): Promise<unknown> => {
  const trust = {
    state,
    certificates: roots.map(({ pem }) => pem),
    fingerprints: roots.map(({ fingerprint }) => fingerprint),
  };
  const patch = JSON.stringify({ status: { trust } });
  return cluster.kubectl(['patch', 'carotation', 'corporate', '--subresource=status', '--type=merge', '-p', patch]);
};

interface ExampleObject {
  readonly kind: string;
  readonly spec: {
    readonly volumes?: readonly [{ readonly csi: { readonly volumeAttributes: Readonly<Record<string, string>> } }];
    readonly trustBundle?: string;
  };
}

function exampleObjects(name: string): readonly ExampleObject[] {
  const text = readFileSync(resolve(import.meta.dirname, `../../../examples/${name}`), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as ExampleObject);
}

/** The attributes of trust of the pod in an example. */
function exampleAttributes(name: string): Record<string, string> {
  const pod = exampleObjects(name).find(({ kind }) => kind === 'Pod');
  const all = Object.entries(pod?.spec.volumes?.[0].csi.volumeAttributes ?? {});
  const own = all.map(([key, value]) => [key.replace(/^.*\//, ''), value] as const);
  return Object.fromEntries(own.filter(([name]) => name.startsWith('trust-')));
}

/** Additional trust of a published volume. */
export function additionalTrustSuite(context: () => Cluster): void {
  describe('additional trust with a real API server', () => {
    before(async () => {
      cluster = context();
      const chart = await render({ 'app.driver.additionalTrust.enabled': true });
      await cluster.createNamespace('shop');
      const isOfAgent = ({ kind, metadata }: (typeof chart)[number]): boolean =>
        metadata.name === 'certfleet' && /^(ClusterRole|ClusterRoleBinding|ServiceAccount)$/.test(kind);
      await cluster.apply(chart.filter(isOfAgent));
      const token = await cluster.kubectl(['create', 'token', 'certfleet', '--namespace', 'cert-manager']);
      const kubeconfig = await kubeconfigWithToken(cluster, token.stdout.trim());
      client = new KubeClient({ credentials: kubeconfigCredentials(kubeconfig, systemClock), clock: systemClock });
      const trust = { client, followsRotations: true, sourceIntervalMs: 30_000 };
      harness = await VolumeTestHarness.open({ trust });
    });

    after(async () => {
      await harness.stop();
      harness.remove();
      client.stop();
      // The chart's own definition differs, and a later suite installs it.
      await cluster.kubectl(['delete', 'crd', definition.metadata.name]);
    });

    test('a CARotation reaches the CA file of a published volume and leaves it again', async () => {
      const web = harness.request('web', { duration: '7200h' });
      await harness.publish(web);
      const [own] = certificatesOf(harness.store.readPayload(web.volumeId).get('ca.crt')?.toString() ?? '');
      assert.ok(own);
      // The agent has found no definition; it looks again.
      await cluster.apply(definition);
      await cluster.kubectl([
        'wait',
        '--for=condition=Established',
        '--timeout=60s',
        `crd/${definition.metadata.name}`,
      ]);
      await cluster.apply({ apiVersion: 'certfleet.io/v1alpha1', kind: 'CARotation', metadata: { name: 'corporate' } });
      const next = testRoot();
      await patchStatus('Add', [own, next]);
      await becomes('both roots', web.volumeId, [own, next]);
      await patchStatus('Remove', [own, next]);
      await becomes('the own root', web.volumeId, [own]);
      await patchStatus('Add', [own, next]);
      await becomes('both roots again', web.volumeId, [own, next]);
      await cluster.kubectl(['delete', 'carotation', 'corporate']);
      await becomes('the own root after the deletion', web.volumeId, [own]);
      assert.equal(harness.issuer.requests.length, 1);
    });

    test('the ConfigMap of the example is in the first CA file, and its changes reach the running pod', async () => {
      const [first, second] = [testRoot(), testRoot()];
      const metadata = { name: 'partner-roots', namespace: 'shop' };
      const configMap = (root: TestRoot): object => ({
        ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata },
        data: { 'bundle.pem': root.pem },
      });
      const api = harness.request('api', { duration: '7200h', ...exampleAttributes('pod-with-additional-trust.yaml') });
      await assert.rejects(
        harness.publish(api),
        /ConfigMap\/partner-roots\/bundle\.pem: .*configmaps "partner-roots" not found/,
      );
      await cluster.apply(configMap(first));
      await eventually('the mount', async () => {
        await harness.clock.advance(10_000);
        await harness.publish(api).catch(() => undefined);
        return trusted(api.volumeId).length === 2;
      });
      const [own] = certificatesOf(harness.store.readPayload(api.volumeId).get('ca.crt')?.toString() ?? '');
      assert.ok(own);
      assert.deepEqual(trusted(api.volumeId), [own.fingerprint, first.fingerprint]);
      await cluster.apply(configMap(second));
      await becomes('the other root', api.volumeId, [own, second]);
    });

    test('the ClusterTrustBundle of the example is in the first CA file, and its changes reach the running pod', async () => {
      const example = 'pod-with-cluster-trust-bundle.yaml';
      const [bundle] = exampleObjects(example);
      const shop = harness.request('shop', { duration: '7200h', ...exampleAttributes(example) });
      await assert.rejects(harness.publish(shop), /ClusterTrustBundle\/corporate-roots: .*"corporate-roots" not found/);
      await cluster.apply(bundle ?? {});
      await eventually('the mount', async () => {
        await harness.clock.advance(10_000);
        await harness.publish(shop).catch(() => undefined);
        return trusted(shop.volumeId).length === 2;
      });
      const [own] = certificatesOf(harness.store.readPayload(shop.volumeId).get('ca.crt')?.toString() ?? '');
      const [first] = certificatesOf(bundle?.spec.trustBundle ?? '');
      assert.ok(own !== undefined && first !== undefined);
      assert.deepEqual(trusted(shop.volumeId), [own.fingerprint, first.fingerprint]);
      const second = testRoot();
      const patch = JSON.stringify({ spec: { trustBundle: second.pem } });
      await cluster.kubectl(['patch', 'clustertrustbundle', 'corporate-roots', '--type=merge', '-p', patch]);
      await becomes('the other root', shop.volumeId, [own, second]);
    });
  });
}
