import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { testRoot } from '../crypto/testing/test-roots.ts';
import { volumeReport } from '../fleet/volume-report.ts';
import type { ReloadSettings } from '../node-reload.ts';
import { FakeTrustApi } from '../trust/testing/fake-trust-api.ts';
import { until } from '../trust/testing/trust-fixture.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';

let harness: VolumeTestHarness;
let orders: string[];
/** CA certificates in the pod's file at each signal. */
let rootsAtSignals: number[];
let error: Error | undefined;

const reload: ReloadSettings = {
  nodeName: 'node-1',
  getContainers: ({ uid }) =>
    error === undefined
      ? Promise.resolve({ uid, nodeName: 'node-1', containers: [{ name: 'main', runningId: 'abc' }] })
      : Promise.reject(error),
  signalContainers: ({ podUid, containerIds, signal }) => {
    orders.push(`${podUid} ${signal} ${harness.serial({ volumeId: 'csi-web' }) ?? ''}`);
    rootsAtSignals.push(rootsInFile());
    return Promise.resolve(new Set(containerIds));
  },
};

beforeEach(() => {
  orders = [];
  rootsAtSignals = [];
  error = undefined;
});
afterEach(() => harness.remove());

const attributes = { 'reload-signal': 'SIGHUP' };
const order = (): string => `uid-web SIGHUP ${harness.serial({ volumeId: 'csi-web' }) ?? ''}`;

/** Opens a node whose volumes have the root of a CARotation in addition, or not. */
async function openRotated(): Promise<(isAdded: boolean) => Promise<void>> {
  const api = new FakeTrustApi();
  const trust = { client: api, followsRotations: true, sourceIntervalMs: undefined };
  harness = await VolumeTestHarness.open({ reload, trust, rollouts: true });
  await until(() => api.watches('carotations') > 0);
  const root = testRoot();
  return async (isAdded) => {
    const [own = ''] = harness.manager.volume('csi-web')?.record.issued?.caFingerprintsSha256 ?? [];
    const given = { certificates: [root.pem], fingerprints: [own, root.fingerprint] };
    await api.put('carotations', {
      metadata: { name: 'r' },
      status: { trust: { state: isAdded ? 'Add' : 'Remove', ...given } },
    });
    await harness.clock.advance(0);
    await until(() => rootsInFile() === (isAdded ? 2 : 1));
    // The update holds the volume's lock until it has told about the change.
    await harness.manager.change('csi-web', () => false);
    await harness.clock.advance(0);
  };
}

const rootsInFile = (): number =>
  harness.store.readPayload('csi-web').get('ca.crt')?.toString().match(/BEGIN/g)?.length ?? 0;

describe('the signal of a volume', () => {
  test('follows each change of the CA file without a renewal, once, and survives the end of the agent', async () => {
    const rotate = await openRotated();
    await harness.publish(harness.request('web', { ...attributes, duration: '720h' }));
    await rotate(true);
    assert.deepEqual(orders, [order()]);
    await harness.clock.advance(600_000);
    assert.equal(orders.length, 1);
    error = new CertfleetError('unavailable', 'down');
    await rotate(false);
    await harness.stop();
    error = undefined;
    assert.equal(orders.length, 1);
    await harness.restart();
    await harness.clock.advance(100);
    assert.deepEqual(orders.slice(1), [order()]);
    await harness.restart();
    await harness.clock.advance(600_000);
    assert.equal(orders.length, 2);
    assert.equal(harness.issuer.requests.length, 1);
  });

  test('comes after the CA file also if the agent ends between the record and the file', async () => {
    const rotate = await openRotated();
    await harness.publish(harness.request('web', { ...attributes, duration: '720h' }));
    harness.beforeFileCall = (call, path) => {
      if (call === 'mkdirSync' && String(path).includes('/data/')) throw new Error('ENOSPC');
    };
    void rotate(true).catch(() => undefined);
    await until(() => harness.log.includes('cannot update additional trust'));
    assert.deepEqual([orders, rootsInFile()], [[], 1]);
    await harness.stop();
    harness.beforeFileCall = undefined;
    await harness.restart();
    await until(() => rootsInFile() === 2);
    await until(() => rootsAtSignals.at(-1) === 2);
    await harness.clock.advance(600_000);
    assert.ok(orders.length <= 2, orders.join());
  });

  test('has a counterpart for volumes whose workload is rolled: the pod is reported as outdated', async () => {
    const rotate = await openRotated();
    const isOutdated = (): boolean => {
      const volume = harness.manager.volume('csi-web');
      return volume !== undefined && volumeReport(volume, harness.clock.now()).podIsOutdated;
    };
    await harness.publish(harness.request('web', { 'reload-rollout': 'true', duration: '720h' }));
    assert.equal(isOutdated(), false);
    await rotate(true);
    assert.equal(isOutdated(), true);
    await harness.restart();
    assert.equal(isOutdated(), true);
    assert.deepEqual(orders, []);
  });

  test('follows each renewal, when the files are complete, but not the first certificate', async () => {
    harness = await VolumeTestHarness.open({ reload });
    await harness.publish(harness.request('web', attributes));
    await harness.publish(harness.request('plain'));
    await harness.clock.advance(1_000);
    assert.deepEqual(orders, []);
    await harness.clock.advance(20_000);
    assert.deepEqual(orders, [order()]);
    await harness.restart();
    await harness.clock.advance(1_000);
    assert.equal(orders.length, 1);
    await harness.clock.advance(20_000);
    assert.deepEqual(orders.slice(1), [order()]);
  });

  test('is sent after a restart if the agent ended between the renewal and the signal', async () => {
    harness = await VolumeTestHarness.open({ reload });
    await harness.publish(harness.request('web', attributes));
    error = new CertfleetError('unavailable', 'down');
    await harness.clock.advance(20_500);
    assert.deepEqual(orders, []);
    await harness.stop();
    error = undefined;
    await harness.restart();
    await harness.clock.advance(100);
    assert.deepEqual(orders, [order()]);
  });

  test('that fails is an Event of the pod and a metric, and leaves the renewals alone', async () => {
    harness = await VolumeTestHarness.open({ reload });
    await harness.publish(harness.request('web', attributes));
    error = new CertfleetError('permission-denied', 'pods "web" is forbidden');
    const first = harness.serial({ volumeId: 'csi-web' });
    await harness.clock.advance(20_500);
    assert.notEqual(harness.serial({ volumeId: 'csi-web' }), first);
    const failed = harness.events.filter(({ reason }) => reason === 'ReloadFailed');
    assert.deepEqual(
      failed.map(({ type, message }) => [type, message]),
      [['Warning', 'SIGHUP after a change of the files failed: pods "web" is forbidden']],
    );
    assert.match(await harness.metrics.registry.metrics(), /certfleet_agent_reloads_total\{result="failed"\} 1\n/);
    assert.ok(harness.events.some(({ reason }) => reason === 'Renewed'));
  });

  test('is refused by an agent that sends none', async () => {
    harness = await VolumeTestHarness.open();
    await assert.rejects(harness.publish(harness.request('web', attributes)), {
      code: 'invalid-argument',
      message: /reload-signal: Invalid value: "SIGHUP": the agent sends no signals \(chart: app\.driver\.reloadSignals/,
    });
  });
});
