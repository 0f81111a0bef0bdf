import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import type { PodContainer, PodContainers } from '../kube/pod-containers.ts';
import { testVolumeSpec } from '../spec/testing/volume-spec.ts';
import type { ReloadSpec } from '../spec/volume-spec.ts';
import { isSame, ReloadMonitor } from './reload-monitor.ts';
import type { ReloadedVolume } from './reload-monitor.ts';
import type { SignalOrder } from './signal-containers.ts';

type Mutable<T> = { -readonly [Field in keyof T]: T[Field] };
type MutableVolume = Mutable<Omit<ReloadedVolume, 'record'>> & { record: Mutable<ReloadedVolume['record']> };

/** A node with volumes, an API server and processes that answer as the test says. */
class ReloadNode {
  readonly clock = new ManualClock(Date.UTC(2026, 10, 24));
  readonly volumes = new Map<string, MutableVolume>();
  readonly pods = new Map<string, PodContainers>();
  readonly orders: SignalOrder[] = [];
  readonly observed: string[] = [];
  readonly failures: string[] = [];
  reads = 0;
  apiError: Error | undefined;
  duringRead: () => void = () => undefined;
  beforeStore: () => Promise<void> = () => Promise.resolve();
  signal: (order: SignalOrder) => ReadonlySet<string> = ({ containerIds }) => new Set(containerIds);
  monitor = this.start();

  start(): ReloadMonitor {
    return new ReloadMonitor({
      nodeName: 'n1',
      volume: (volumeId) => this.volumes.get(volumeId),
      getContainers: ({ name }) => {
        this.reads += 1;
        this.duringRead();
        return this.apiError ? Promise.reject(this.apiError) : Promise.resolve(this.pods.get(name));
      },
      signalContainers: (order) => {
        this.orders.push(order);
        return Promise.resolve(this.signal(order));
      },
      store: async (volumeId, files) => {
        // As the volume's lock does, it may wait for a change.
        await this.beforeStore();
        const record = this.volumes.get(volumeId)?.record;
        if (record !== undefined && isSame(files, record)) record.signalledGeneration = files.generation;
      },
      clock: this.clock,
      observe: (result) => void this.observed.push(result),
      onSignalled: () => undefined,
      onFailed: (_, { message }) => void this.failures.push(message),
    });
  }

  add(name: string, reload: ReloadSpec | undefined = { signal: 'SIGHUP', containers: [] }): MutableVolume {
    const pod = { name, namespace: 'shop', uid: `uid-${name}`, serviceAccountName: 'default' };
    this.runs(name, [{ name: 'main', runningId: `${name}-main` }]);
    const volume: MutableVolume = {
      volumeId: name,
      spec: testVolumeSpec({ pod, reload }),
      isRemoving: false,
      unpublished: new AbortController(),
      record: { phase: 'published', generation: 1, signalledGeneration: 1 },
    };
    this.volumes.set(name, volume);
    this.monitor.volumeChanged(name);
    return volume;
  }

  runs(name: string, containers: readonly PodContainer[]): void {
    this.pods.set(name, { uid: `uid-${name}`, nodeName: 'n1', containers });
  }

  async renew(volume: MutableVolume): Promise<void> {
    volume.record.generation += 1;
    this.monitor.volumeChanged(volume.volumeId);
    await this.clock.advance(0);
  }

  /** The CA file changes without a new certificate. */
  changeCaFile({ volumeId, record }: MutableVolume): void {
    record.trust = { certificateSha256: '', ownCaFingerprints: [], sources: [] };
    record.signalledGeneration = Math.min(record.signalledGeneration ?? 1, record.generation - 1);
    this.monitor.volumeChanged(volumeId);
  }
}

let node: ReloadNode;
beforeEach(() => (node = new ReloadNode()));
afterEach(() => node.monitor.stop());

describe('signals after renewals', () => {
  test('are sent once per generation, to all running containers of the pod', async () => {
    const volume = node.add('web');
    node.runs('web', [
      { name: 'main', runningId: 'a' },
      { name: 'side', runningId: 'b' },
      { name: 'init', runningId: undefined },
    ]);
    await node.clock.advance(60_000);
    assert.equal(node.reads, 0);
    await node.renew(volume);
    assert.deepEqual(node.orders, [{ podUid: 'uid-web', containerIds: ['a', 'b'], signal: 'SIGHUP' }]);
    assert.equal(volume.record.signalledGeneration, 2);
    node.monitor.volumeChanged('web');
    await node.clock.advance(600_000);
    assert.equal(node.orders.length, 1);
    await node.renew(volume);
    assert.equal(node.orders.length, 2);
    assert.deepEqual(node.observed, ['signalled', 'signalled']);
  });

  test('are sent only to the named containers', async () => {
    const volume = node.add('web', { signal: 'SIGUSR1', containers: ['side'] });
    node.runs('web', [
      { name: 'main', runningId: 'a' },
      { name: 'side', runningId: 'b' },
    ]);
    await node.renew(volume);
    assert.deepEqual(node.orders, [{ podUid: 'uid-web', containerIds: ['b'], signal: 'SIGUSR1' }]);
  });

  test('are sent by the next run of the agent if this one ended before', async () => {
    const volume = node.add('web');
    await node.monitor.stop();
    await node.renew(volume);
    assert.deepEqual(node.orders, []);
    node.monitor = node.start();
    node.monitor.volumeChanged('web');
    await node.clock.advance(0);
    assert.equal(node.orders.length, 1);
  });

  test('do not follow an update of the agent: the containers know the certificate of before', async () => {
    const volume = node.add('web');
    volume.record.signalledGeneration = undefined;
    node.monitor.volumeChanged('web');
    await node.clock.advance(60_000);
    assert.deepEqual([node.orders.length, volume.record.signalledGeneration], [0, 1]);
    await node.renew(volume);
    assert.equal(node.orders.length, 1);
  });

  test('are not needed if no container runs, or the pod is another one', async () => {
    const volume = node.add('web');
    node.runs('web', [{ name: 'main', runningId: undefined }]);
    await node.renew(volume);
    for (const pod of [undefined, { uid: 'uid-other', nodeName: 'n1' }, { uid: 'uid-web', nodeName: 'n2' }]) {
      if (pod === undefined) node.pods.delete('web');
      else node.pods.set('web', { ...pod, containers: [{ name: 'main', runningId: 'a' }] });
      await node.renew(volume);
    }
    assert.deepEqual(node.orders, []);
    assert.deepEqual(new Set(node.observed), new Set(['not-running']));
    assert.equal(volume.record.signalledGeneration, 5);
  });

  test('wait for the API server, at most once a minute, and fail for a reason that stays', async () => {
    const volume = node.add('web');
    node.apiError = new CertfleetError('unavailable', 'down');
    await node.renew(volume);
    await node.clock.advance(3_600_000);
    assert.ok(node.reads > 50 && node.reads < 80, String(node.reads));
    node.apiError = undefined;
    await node.clock.advance(60_000);
    assert.deepEqual([node.orders.length, node.failures], [1, []]);
    node.apiError = new CertfleetError('permission-denied', 'pods is forbidden');
    await node.renew(volume);
    assert.deepEqual(node.failures, ['pods is forbidden']);
    await node.clock.advance(3_600_000);
    assert.equal(node.failures.length, 1);
  });

  test('are repeated for a process that cannot be found yet, and fail after five searches', async () => {
    const volume = node.add('web');
    node.signal = () => new Set();
    await node.renew(volume);
    node.signal = ({ containerIds }) => new Set(containerIds);
    await node.clock.advance(2_000);
    assert.deepEqual([node.orders.length, node.observed], [2, ['signalled']]);
    node.signal = () => new Set();
    await node.renew(volume);
    await node.clock.advance(3_600_000);
    assert.equal(node.orders.length, 7);
    assert.deepEqual(node.observed, ['signalled', 'failed']);
    assert.match(node.failures[0] ?? '', /^found no process 1 of container main on the node: .*shareProcessNamespace/);
    assert.equal(volume.record.signalledGeneration, 3);
  });

  test('fail after five searches although renewals follow each other faster', async () => {
    const volume = node.add('web');
    node.signal = () => new Set();
    for (let renewals = 0; renewals < 6; renewals += 1) {
      await node.renew(volume);
      await node.clock.advance(2_000);
    }
    assert.ok(node.failures.length >= 1 && node.failures.length <= 3, String(node.failures.length));
  });

  test('fail once if the pod has no container of the name', async () => {
    const volume = node.add('web', { signal: 'SIGHUP', containers: ['server'] });
    await node.renew(volume);
    await node.clock.advance(3_600_000);
    assert.deepEqual(node.failures, ['reload-containers: the pod has no container server, it has main']);
    assert.equal(node.reads, 1);
  });

  test('end with the volume, and a renewal during an attempt has its own', async () => {
    const volume = node.add('web');
    node.duringRead = () => {
      node.duringRead = () => undefined;
      volume.record.generation += 1;
      node.monitor.volumeChanged('web');
    };
    await node.renew(volume);
    await node.clock.advance(10_000);
    assert.deepEqual([node.orders.length, volume.record.signalledGeneration], [2, 3]);
    node.duringRead = () => {
      volume.unpublished.abort();
      node.volumes.delete('web');
      node.monitor.volumeChanged('web');
    };
    await node.renew(volume);
    await node.clock.advance(600_000);
    assert.equal(node.orders.length, 2);
    assert.equal(node.clock.timers, 0);
  });

  test('follow each change of the CA file once, also those during an attempt and during its end', async () => {
    const volume = node.add('web');
    const { record } = volume;
    const signals = async (): Promise<number> => {
      await node.clock.advance(0);
      node.monitor.volumeChanged('web');
      await node.clock.advance(600_000);
      assert.equal(record.signalledGeneration, record.generation);
      return node.orders.length;
    };
    node.changeCaFile(volume);
    assert.equal(await signals(), 1);
    await node.renew(volume);
    assert.equal(await signals(), 2);
    node.changeCaFile(volume);
    assert.equal(await signals(), 3);
    node.duringRead = () => {
      node.duringRead = () => undefined;
      node.changeCaFile(volume);
    };
    node.changeCaFile(volume);
    assert.equal(await signals(), 5, 'the second change came while the first was signalled');
    node.beforeStore = () => {
      node.beforeStore = () => Promise.resolve();
      node.changeCaFile(volume);
      return Promise.resolve();
    };
    node.changeCaFile(volume);
    assert.equal(await signals(), 7, 'the second change came before the first signal was stored');
  });

  test('of many volumes at once are limited to five per second after a burst of ten', async () => {
    const volumes = Array.from({ length: 40 }, (_, index) => node.add(`web-${index}`));
    for (const volume of volumes) {
      volume.record.generation += 1;
      node.monitor.volumeChanged(volume.volumeId);
    }
    await node.clock.advance(0);
    assert.ok(node.orders.length <= 10, String(node.orders.length));
    await node.clock.advance(2_000);
    assert.ok(node.orders.length <= 20, String(node.orders.length));
    await node.clock.advance(30_000);
    assert.equal(node.orders.length, 40);
  });
});
