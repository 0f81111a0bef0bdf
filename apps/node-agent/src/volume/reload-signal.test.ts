import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ReloadSettings } from '../node-reload.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';

let harness: VolumeTestHarness;
let orders: string[];
let error: Error | undefined;

const reload: ReloadSettings = {
  nodeName: 'node-1',
  getContainers: ({ uid }) =>
    error === undefined
      ? Promise.resolve({ uid, nodeName: 'node-1', containers: [{ name: 'main', runningId: 'abc' }] })
      : Promise.reject(error),
  signalContainers: ({ podUid, containerIds, signal }) => {
    orders.push(`${podUid} ${signal} ${harness.serial({ volumeId: 'csi-web' }) ?? ''}`);
    return Promise.resolve(new Set(containerIds));
  },
};

beforeEach(() => {
  orders = [];
  error = undefined;
});
afterEach(() => harness.remove());

const attributes = { 'reload-signal': 'SIGHUP' };
const order = (): string => `uid-web SIGHUP ${harness.serial({ volumeId: 'csi-web' }) ?? ''}`;

describe('the signal of a volume', () => {
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
      [['Warning', 'SIGHUP after the renewal failed: pods "web" is forbidden']],
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
