// The store of operator intent in Kubernetes: a real API server with the chart's CustomResourceDefinitions.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { KubeIntentStore } from '../../../apps/renewal-controller/src/intent/kube-intent-store.ts';
import { systemClock } from '../../../libs/shared/src/clock.ts';
import { KubeClient } from '../../../libs/shared/src/kube/api-client.ts';
import { kubeconfigCredentials } from '../../../libs/shared/src/kube/kubeconfig-credentials.ts';
import { createLogger } from '../../../libs/shared/src/logger.ts';
import { render } from '../../chart/render-chart.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { intentStoreContract, seen } from '../intent-store-contract.ts';
import type { StoreUnderTest } from '../intent-store-contract.ts';
import { kubeconfigWithToken } from '../issuer-fixture.ts';
import type { SharedOutage } from '../shared-outage.ts';

const clock = systemClock;
const log = createLogger(0);

let cluster: Cluster;
let underTest: StoreUnderTest;
const clients: KubeClient[] = [];

async function open(kubeconfig?: string): Promise<KubeIntentStore> {
  const credentials = kubeconfigCredentials(kubeconfig ?? (await cluster.localKubeconfig()), clock);
  const client = new KubeClient({ credentials, clock });
  clients.push(client);
  const store = new KubeIntentStore({ client, clock, log });
  await store.start();
  return store;
}

async function openLoaded(kubeconfig?: string): Promise<KubeIntentStore> {
  const store = await open(kubeconfig);
  await Promise.all([store.loaded('LanePolicy'), store.loaded('Renewal')]);
  return store;
}

/** The same contract as of the store in files, and what others write. The store stays open for the faults. */
export function kubeIntentStoreSuite(context: () => Cluster): void {
  describe('KubeIntentStore', { concurrency: false }, () => {
    before(async () => {
      cluster = context();
      // With the rights of the chart's controller, not an administrator's.
      const chart = await render({ 'controller.enabled': true });
      const isWanted = ({ kind, metadata }: (typeof chart)[number]): boolean =>
        kind === 'CustomResourceDefinition' ||
        (/^(ClusterRole|ClusterRoleBinding|ServiceAccount)$/.test(kind) && metadata.name === 'certfleet-controller');
      await cluster.apply(chart.filter(isWanted));
      const names = chart
        .filter(({ kind }) => kind === 'CustomResourceDefinition')
        .map(({ metadata }) => metadata.name);
      await cluster.kubectl([
        'wait',
        '--for=condition=Established',
        '--timeout=60s',
        ...names.map((name) => `crd/${name}`),
      ]);
      const token = await cluster.kubectl(['create', 'token', 'certfleet-controller', '--namespace', 'cert-manager']);
      const kubeconfig = await kubeconfigWithToken(cluster, token.stdout.trim());
      underTest = { store: await openLoaded(kubeconfig), another: () => openLoaded(kubeconfig) };
    });
    // Some of them would pause the lanes of a later suite.
    after(() => cluster.kubectl(['delete', 'lanepolicies', '--all']));

    intentStoreContract(() => underTest);

    test('follows what others write: kubectl, and another replica', async () => {
      const { store } = underTest;
      const name = `p-${randomUUID()}`;
      const spec = { issuers: ['*'], paused: true, pauseReason: 'by GitOps' };
      const object = { apiVersion: 'certfleet.io/v1alpha1', kind: 'LanePolicy', metadata: { name }, spec };
      await cluster.apply(object);
      assert.equal((await seen(store, name, (policy) => policy !== undefined))?.spec.pauseReason, 'by GitOps');
      await cluster.kubectl(['patch', 'lanepol', name, '--type=merge', '-p', '{"spec":{"paused":false}}']);
      await seen(store, name, (policy) => policy?.spec.paused === false);
      await cluster.kubectl(['delete', 'lanepolicy', name]);
      await seen(store, name, (policy) => policy === undefined);
    });
  });
}

/** Of the store, in the outage. */
export function kubeIntentStoreOutage(outage: SharedOutage): void {
  test('KubeIntentStore reads and follows again after the API server was killed, and sees what it missed', async (t) => {
    const { store } = underTest;
    const [kept, removed, added] = [`p-${randomUUID()}`, `p-${randomUUID()}`, `p-${randomUUID()}`];
    let late: KubeIntentStore;
    await outage.run(t, {
      async before() {
        await store.create('LanePolicy', { name: kept, spec: { issuers: ['a'], burst: 1 } });
        await store.create('LanePolicy', { name: removed, spec: { issuers: ['a'] } });
      },
      async during() {
        // Fails within a bounded time, and the last known objects remain.
        await assert.rejects(store.patchSpec('LanePolicy', kept, { burst: 2 }, { resourceVersion: '1' }), {
          code: /unavailable|deadline-exceeded/,
        });
        assert.equal(store.find('LanePolicy', kept)?.spec.burst, 1);
        late = await open();
        assert.match(late.problem('LanePolicy') ?? '', /LanePolicy/);
      },
      async after() {
        await cluster.kubectl(['delete', 'lanepolicy', removed]);
        await cluster.kubectl(['patch', 'lanepolicy', kept, '--type=merge', '-p', '{"spec":{"burst":5}}']);
        const object = { apiVersion: 'certfleet.io/v1alpha1', kind: 'LanePolicy', metadata: { name: added } };
        await cluster.apply({ ...object, spec: { issuers: ['b'] } });
        for (const each of [store, late]) {
          await seen(each, added, (policy) => policy !== undefined);
          await seen(each, kept, (policy) => policy?.spec.burst === 5);
          assert.equal(each.find('LanePolicy', removed), undefined);
          assert.equal(each.problem('LanePolicy'), undefined);
        }
        await late.stop();
        await cluster.kubectl(['delete', 'lanepolicy', kept, added]);
      },
    });
  });
}

/** Faults of an API server that runs. They end the store. */
export function kubeIntentStoreFaults(): void {
  describe('KubeIntentStore, with faults of the API server', { concurrency: false }, () => {
    after(async () => {
      await underTest.store.stop();
      for (const client of clients) client.stop();
    });

    test('a call to an API server that hangs ends, and the watch is open again afterwards', async (t) => {
      if (!cluster.capabilities.components) {
        t.skip(cluster.capabilities.reason);
        return;
      }
      const { store } = underTest;
      const name = `p-${randomUUID()}`;
      const { metadata } = await store.create('LanePolicy', { name, spec: { issuers: ['a'] } });
      cluster.apiServer.signal('SIGSTOP');
      const beganMs = clock.monotonic();
      const patch = store.patchSpec('LanePolicy', name, { burst: 2 }, { resourceVersion: metadata.resourceVersion });
      await assert.rejects(patch, { code: 'deadline-exceeded' });
      assert.ok(clock.monotonic() - beganMs < 60_000);
      cluster.apiServer.signal('SIGCONT');
      await cluster.kubectl(['patch', 'lanepolicy', name, '--type=merge', '-p', '{"spec":{"burst":9}}']);
      await seen(store, name, (policy) => policy?.spec.burst === 9);
    });

    test('a CustomResourceDefinition that is missing is a problem with its name, until it is installed', async (t) => {
      if (!cluster.capabilities.components) {
        t.skip(cluster.capabilities.reason);
        return;
      }
      const { stdout } = await cluster.kubectl(['get', 'crd', 'renewals.certfleet.io', '-o', 'json']);
      await cluster.kubectl(['delete', 'crd', 'renewals.certfleet.io']);
      const late = await open();
      await late.loaded('LanePolicy');
      assert.match(late.problem('Renewal') ?? '', /kind Renewal/);
      const crd = JSON.parse(stdout) as { metadata: { name: string }; status?: unknown };
      await cluster.apply({ ...crd, metadata: { name: crd.metadata.name }, status: undefined });
      await late.loaded('Renewal');
      await late.stop();
    });
  });
}
