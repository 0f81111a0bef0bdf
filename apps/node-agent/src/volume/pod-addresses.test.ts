import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { PublishRequest } from './volume-requests.ts';
import { FakePods } from './testing/fake-pods.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';

const day = 86_400_000;
const addressed = { 'ip-sans': '${POD_IPS}', 'dns-names': 'web', duration: '720h' };

describe('a volume that uses the addresses of its pod', () => {
  let harness: VolumeTestHarness;
  let pods: FakePods;
  let request: PublishRequest;
  beforeEach(async () => {
    pods = new FakePods();
    harness = await VolumeTestHarness.open({ podVariables: pods.parts });
    request = harness.request('web', addressed);
  });
  afterEach(() => harness.remove());

  const requested = (): readonly (readonly string[])[] => harness.issuer.requests.map(({ spec }) => spec.ipAddresses);
  const reasons = (): readonly string[] => harness.events.map(({ reason }) => reason);
  const isMounted = (): boolean => harness.mounter.mounted.has(request.targetPath);
  /** In steps, because each attempt does real work, for which one large step would leave no time. */
  const seconds = async (count: number): Promise<void> => {
    for (let second = 0; second < count; second++) await harness.clock.advance(1_000);
  };
  /** Publishes the volume; the pod then gets its first addresses. */
  const publish = async (...addresses: readonly string[]): Promise<void> => {
    await harness.publish(request);
    pods.see('web');
    if (addresses.length === 0) return;
    pods.see('web', ...addresses);
    await seconds(1);
  };

  test('is mounted first, and gets its certificate when the pod has them', async () => {
    await publish();
    assert.ok(isMounted());
    assert.deepEqual(harness.store.readPayload(request.volumeId).size, 0);
    await seconds(600);
    assert.deepEqual(requested(), []);
    pods.see('web', '10.0.0.7', 'fd00::7');
    await seconds(1);
    assert.deepEqual(requested(), [['10.0.0.7', 'fd00::7']]);
    assert.notEqual(harness.serial(request), undefined);
    assert.equal(harness.events.at(-1)?.reason, 'Issued');
  });

  test('reports on the pod what it waits for, and why it cannot know it', async () => {
    await publish();
    await seconds(9);
    assert.deepEqual(reasons(), []);
    await seconds(1);
    assert.deepEqual(reasons(), ['PodAddressPending']);
    assert.match(harness.events[0]?.message ?? '', /^waiting for the addresses of the pod, for POD_IPS; .* without a/);
    pods.failWatch('pods is forbidden');
    await seconds(60);
    assert.match(harness.events[1]?.message ?? '', /: pods is forbidden$/);
    assert.match(harness.log, /"error":"pods is forbidden".*watch of pods interrupted/);
    pods.see('web', '10.0.0.7');
    await seconds(600);
    assert.deepEqual(reasons(), ['PodAddressPending', 'PodAddressPending', 'Issued']);
  });

  test('finds them although the watch does not show them', async () => {
    await publish();
    pods.failWatch('pods is forbidden');
    const spec = { hostNetwork: false, hostname: '', hostnameOverride: '', subdomain: '' };
    pods.changes.set('web', { spec, status: { podIPs: [{ ip: '10.0.0.7' }], hostIPs: [] } });
    await seconds(9);
    assert.deepEqual(requested(), []);
    await seconds(2);
    assert.deepEqual(requested(), [['10.0.0.7']]);
    assert.equal(pods.reads, 2);
    await seconds(300);
    assert.equal(pods.reads, 2);
  });

  test('goes on waiting after a restart of the agent', async () => {
    await publish();
    await harness.restart();
    await seconds(30);
    assert.deepEqual(requested(), []);
    pods.see('web', '10.0.0.7');
    await seconds(6);
    assert.deepEqual(requested(), [['10.0.0.7']]);
  });

  test('makes no request while it waits, whoever asks for one', async () => {
    await publish();
    assert.equal(await harness.manager.renewGeneration(request.volumeId, 0), 'deferred');
    await assert.rejects(harness.manager.renewGeneration(request.volumeId, 0, true), { reason: 'PodAddressPending' });
    await harness.publish(request);
    await seconds(60);
    assert.deepEqual(requested(), []);
    assert.equal(harness.manager.volume(request.volumeId)?.failedAttempts, 0);
    assert.ok(isMounted());
  });

  test('gets a new certificate soon after they change', async () => {
    await publish('10.0.0.7');
    const serial = harness.serial(request);
    await seconds(60);
    pods.see('web', '10.0.0.8');
    await seconds(1);
    assert.deepEqual(requested(), [['10.0.0.7'], ['10.0.0.8']]);
    assert.notEqual(harness.serial(request), serial);
    assert.match(await harness.metrics.registry.metrics(), /issuances_total\{result="success",cause="address"\} 1/);
    // Addresses that change all the time cause one certificate in half a minute.
    for (let index = 0; index < 60; index++) {
      pods.see('web', `10.0.1.${index}`);
      await seconds(1);
    }
    assert.equal(requested().length, 4);
    await seconds(30);
    assert.deepEqual(requested().at(-1), ['10.0.1.59']);
  });

  test('keeps its certificate while the pod has none, and renews it with the last known ones', async () => {
    await publish('10.0.0.7');
    pods.see('web');
    await seconds(60);
    assert.equal(requested().length, 1);
    await harness.restart();
    await harness.clock.advance(21 * day);
    await seconds(1);
    assert.deepEqual(requested(), [['10.0.0.7'], ['10.0.0.7']]);
  });

  test('gets the change that came while the agent was down, and during an attempt that failed', async () => {
    await publish('10.0.0.7');
    await seconds(60);
    await harness.restart();
    harness.issuer.failure = new CertfleetError('unavailable', 'the issuer is down');
    pods.see('web', '10.0.0.8');
    await seconds(6);
    assert.deepEqual(requested().at(-1), ['10.0.0.8']);
    await harness.restart();
    harness.issuer.failure = undefined;
    await seconds(400);
    assert.equal(harness.manager.volume(request.volumeId)?.record.issued?.podAddresses, '10.0.0.8');
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 2);
  });

  test('does not use addresses that were there before, until they have stayed', async () => {
    await harness.publish(request);
    // Those of a sandbox before the restart of the node.
    pods.see('web', '10.0.0.7');
    await seconds(4);
    pods.see('web');
    await seconds(60);
    assert.deepEqual(requested(), []);
    pods.see('web', '10.0.0.9');
    await seconds(1);
    assert.deepEqual(requested(), [['10.0.0.9']]);
  });

  test('abandons a request with other addresses', async () => {
    harness.issuer.unanswered = (name) => /-[0-9a-f]{12}-1$/.test(name);
    await publish('10.0.0.7');
    pods.see('web', '10.0.0.8');
    await seconds(120);
    assert.deepEqual(requested().at(-1), ['10.0.0.8']);
    const [first, last] = [harness.issuer.requests[0], harness.issuer.requests.at(-1)];
    assert.match(last?.requestName ?? '', /-1-1$/);
    assert.ok(harness.issuer.discarded.includes(first?.requestName ?? ''));
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 1);
  });

  test('stores them first: a write that fails is repeated before anything is requested', async () => {
    await publish();
    let isFull = true;
    harness.beforeFileCall = (call) => {
      if (isFull && call.startsWith('write')) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    };
    pods.see('web', '10.0.0.7');
    await seconds(4);
    assert.deepEqual(requested(), []);
    assert.deepEqual(harness.manager.volume(request.volumeId)?.spec.podVariables.unknown, ['POD_IPS']);
    isFull = false;
    await seconds(2);
    assert.deepEqual(requested(), [['10.0.0.7']]);
  });

  test('reports an attribute that cannot have them, and requests no certificate without it', async () => {
    request = harness.request('web', { 'uri-sans': 'https://${POD_IP}/', duration: '720h' });
    await publish('fd00::7');
    await seconds(60);
    assert.deepEqual(requested(), []);
    assert.deepEqual(reasons().slice(0, 1), ['InvalidAttributes']);
    assert.match(
      harness.events[0]?.message ?? '',
      /uri-sans: Invalid value: .*"https:\/\/fd00::7\/" must have a valid/,
    );
    pods.see('web', '10.0.0.7');
    await seconds(1);
    assert.deepEqual(harness.issuer.requests[0]?.spec.uris, ['https://10.0.0.7/']);
    pods.see('web', 'fd00::7');
    await seconds(60);
    assert.equal(harness.issuer.requests.length, 1);
    assert.notEqual(harness.serial(request), undefined);
  });

  test('leaves nothing when it is unpublished while it waits, and the watch ends with the last one', async () => {
    await publish();
    const other = harness.request('other', addressed);
    await harness.publish(other);
    assert.ok(pods.isWatched);
    await harness.manager.unpublish(request);
    assert.ok(pods.isWatched);
    await harness.manager.unpublish(other);
    assert.ok(!pods.isWatched);
    pods.see('web', '10.0.0.7');
    await seconds(120);
    assert.deepEqual([requested(), reasons()], [[], []]);
    assert.deepEqual(harness.filesBelow(`${harness.scratch}/own`), []);
    assert.equal(harness.clock.timers, 0);
  });

  test('in the host’s network has those of the node before it is mounted', async () => {
    const spec = { hostNetwork: true, hostname: '', hostnameOverride: '', subdomain: '' };
    pods.changes.set('web', { spec, status: { podIPs: [], hostIPs: [] } });
    await assert.rejects(harness.publish(request), { code: 'unavailable', message: /addresses of the node/ });
    assert.ok(!isMounted());
    pods.changes.set('web', { spec, status: { podIPs: [], hostIPs: [{ ip: '192.0.2.1' }, { ip: '2001:db8::1' }] } });
    await harness.publish(request);
    assert.deepEqual(requested(), [['192.0.2.1', '2001:db8::1']]);
    assert.notEqual(harness.serial(request), undefined);
  });

  test('says so if this node does not allow such variables any more', async () => {
    await publish();
    harness.allowsPodVariables = false;
    await harness.restart();
    await seconds(11);
    assert.match(
      harness.events[0]?.message ?? '',
      /does not allow variables of pods any more: .*podVariables\.enabled$/,
    );
    assert.deepEqual(requested(), []);
  });
});
