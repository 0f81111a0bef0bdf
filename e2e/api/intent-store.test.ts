// Both stores of operator intent: files, and a real API server with the chart's CustomResourceDefinitions.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { FileIntentStore } from '../../apps/renewal-controller/src/intent/file-intent-store.ts';
import { KubeIntentStore } from '../../apps/renewal-controller/src/intent/kube-intent-store.ts';
import { systemClock } from '../../libs/shared/src/clock.ts';
import { KubeClient } from '../../libs/shared/src/kube/api-client.ts';
import { kubeconfigCredentials } from '../../libs/shared/src/kube/kubeconfig-credentials.ts';
import { createLogger } from '../../libs/shared/src/logger.ts';
import { render } from '../chart/render-chart.ts';
import { startCluster } from '../cluster/cluster.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { intentStoreContract, seen } from './intent-store-contract.ts';
import type { StoreUnderTest } from './intent-store-contract.ts';
import { kubeconfigWithToken } from './issuer-fixture.ts';

const clock = systemClock;
const log = createLogger(0);

describe('FileIntentStore', () => {
  let directory: string;
  let underTest: StoreUnderTest;
  const open = async (path = directory): Promise<FileIntentStore> => {
    const store = new FileIntentStore({ directory: path, clock, log });
    await store.start();
    return store;
  };

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'intent-'));
    underTest = { store: await open(), another: () => open() };
  });
  after(async () => {
    await underTest.store.stop();
    await rm(directory, { recursive: true });
  });

  intentStoreContract(() => underTest);

  test('a file of a write that did not complete is removed, and a damaged one stops the start', async () => {
    const own = await mkdtemp(join(tmpdir(), 'intent-'));
    const first = await open(own);
    await first.create('LanePolicy', { name: 'kept', spec: { issuers: ['a'] } });
    const files = join(own, 'lanepolicies');
    await writeFile(join(files, '..new-torn'), '{"apiV');
    const second = await open(own);
    assert.deepEqual(await readdir(files), ['kept.json']);
    assert.equal(second.list('LanePolicy').length, 1);
    await Promise.all([first.stop(), second.stop()]);
    const content = await readFile(join(files, 'kept.json'), 'utf8');
    for (const damage of [content.slice(0, 100), '', '{}', content.replace('kept', 'other')]) {
      await writeFile(join(files, 'kept.json'), damage);
      const store = new FileIntentStore({ directory: own, clock, log });
      await assert.rejects(store.start(), { code: 'failed-precondition', message: /kept\.json.*repair or delete/ });
      assert.match(store.problem('LanePolicy') ?? '', /not loaded/);
      await store.stop();
    }
    await rm(own, { recursive: true });
  });

  test('processes that share a directory see the writes of each other, and conflicts', async () => {
    const [one, other] = [underTest.store, await open()];
    const name = `p-${randomUUID()}`;
    await one.create('LanePolicy', { name, spec: { issuers: ['a'], burst: 1 } });
    await seen(other, name, (policy) => policy !== undefined);
    const raised = Array.from({ length: 10 }, async () => {
      for (const store of [one, other]) {
        for (;;) {
          const { metadata, spec } = await store.get('LanePolicy', name);
          const patch = { burst: (spec.burst ?? 0) + 1 };
          const { resourceVersion } = metadata;
          const isDone = await store.patchSpec('LanePolicy', name, patch, { resourceVersion }).then(
            () => true,
            (thrown: unknown) => assert.equal((thrown as { code?: string }).code, 'aborted'),
          );
          if (isDone === true) break;
        }
      }
    });
    await Promise.all(raised);
    for (const store of [one, other]) await seen(store, name, (policy) => policy?.spec.burst === 21);
    await other.delete('LanePolicy', name);
    await seen(one, name, (policy) => policy === undefined);
    await one.create('LanePolicy', { name, spec: { issuers: ['b'] } });
    await seen(other, name, (policy) => policy?.spec.issuers[0] === 'b');
    await other.stop();
  });

  test('a failed write changes nothing', async () => {
    const own = await mkdtemp(join(tmpdir(), 'intent-'));
    const store = await open(own);
    await store.create('LanePolicy', { name: 'p', spec: { issuers: ['a'], burst: 1 } });
    const changes: unknown[] = [];
    store.onChange('LanePolicy', (change) => changes.push(change));
    // In the way of the temporary files.
    for (const name of ['p', 'q'])
      await mkdir(join(own, 'lanepolicies', `..new-${name}.json`, 'x'), { recursive: true });
    await assert.rejects(store.patchSpec('LanePolicy', 'p', { burst: 2 }), { code: 'unavailable', message: /EISDIR/ });
    await assert.rejects(store.create('LanePolicy', { name: 'q', spec: { issuers: ['a'] } }), { code: 'unavailable' });
    assert.deepEqual([store.find('LanePolicy', 'p')?.spec.burst, store.find('LanePolicy', 'q')], [1, undefined]);
    assert.equal((await store.get('LanePolicy', 'p')).spec.burst, 1);
    assert.deepEqual(changes, []);
    await store.stop();
    await rm(own, { recursive: true });
  });
});

describe('KubeIntentStore', () => {
  let cluster: Cluster;
  let underTest: StoreUnderTest;
  const clients: KubeClient[] = [];
  const open = async (kubeconfig?: string): Promise<KubeIntentStore> => {
    const credentials = kubeconfigCredentials(kubeconfig ?? (await cluster.localKubeconfig()), clock);
    const client = new KubeClient({ credentials, clock });
    clients.push(client);
    const store = new KubeIntentStore({ client, clock, log });
    await store.start();
    return store;
  };
  const openLoaded = async (kubeconfig?: string): Promise<KubeIntentStore> => {
    const store = await open(kubeconfig);
    await Promise.all([store.loaded('LanePolicy'), store.loaded('Renewal')]);
    return store;
  };

  before(async () => {
    cluster = await startCluster({ nodes: 'control-plane', certManager: false });
    // With the rights of the chart's controller, not an administrator's.
    const chart = await render({ 'controller.enabled': true });
    const isWanted = ({ kind, metadata }: (typeof chart)[number]): boolean =>
      kind === 'CustomResourceDefinition' ||
      (/^(ClusterRole|ClusterRoleBinding|ServiceAccount)$/.test(kind) && metadata.name === 'certfleet-controller');
    await cluster.createNamespace('cert-manager');
    await cluster.apply(chart.filter(isWanted));
    const names = chart.filter(({ kind }) => kind === 'CustomResourceDefinition').map(({ metadata }) => metadata.name);
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
  after(async () => {
    await underTest.store.stop();
    for (const client of clients) client.stop();
    await cluster.stop();
  });

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

  test('reads and follows again after the API server was killed, and sees what it missed', async (t) => {
    if (!cluster.capabilities.components) {
      t.skip(cluster.capabilities.reason);
      return;
    }
    const { store } = underTest;
    const [kept, removed, added] = [`p-${randomUUID()}`, `p-${randomUUID()}`, `p-${randomUUID()}`];
    await store.create('LanePolicy', { name: kept, spec: { issuers: ['a'], burst: 1 } });
    await store.create('LanePolicy', { name: removed, spec: { issuers: ['a'] } });
    await cluster.apiServer.kill('SIGKILL');
    // Fails within a bounded time, and the last known objects remain.
    await assert.rejects(store.patchSpec('LanePolicy', kept, { burst: 2 }, { resourceVersion: '1' }), {
      code: /unavailable|deadline-exceeded/,
    });
    assert.equal(store.find('LanePolicy', kept)?.spec.burst, 1);
    const late = await open();
    assert.match(late.problem('LanePolicy') ?? '', /LanePolicy/);
    await cluster.apiServer.start();
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
