import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { FakePods } from './testing/fake-pods.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';

describe('variables of the pod in a volume', () => {
  let harness: VolumeTestHarness;
  let pods: FakePods;
  afterEach(() => harness.remove());

  const open = async (): Promise<void> => {
    pods = new FakePods();
    harness = await VolumeTestHarness.open({ podVariables: pods.parts });
  };
  const names = { 'dns-names': '${POD_LABEL_app}.shop.svc,${POD_FQDN}' };
  const requested = (): readonly (readonly string[])[] => harness.issuer.requests.map(({ spec }) => spec.dnsNames);

  test('are read from the pod once, at its first publish, and kept through renewals and restarts', async () => {
    await open();
    const request = harness.request('web-0', names);
    await harness.publish(request);
    const expected = ['web.shop.svc', 'web-0.web.shop.svc.cluster.local'];
    assert.deepEqual(requested(), [expected]);
    pods.failure = new CertfleetError('unavailable', 'the API server is down');
    await harness.restart();
    assert.equal(await harness.manager.renewGeneration(request.volumeId, 1, true), 'renewed');
    assert.deepEqual(requested(), [expected, expected]);
    assert.equal(pods.reads, 1);
    assert.ok(!pods.isWatched);
  });

  test('cost a volume without them nothing: no read, no watch, and the record of before', async () => {
    await open();
    const request = harness.request('web-0');
    await harness.publish(request);
    assert.equal(pods.reads, 0);
    assert.ok(!pods.isWatched);
    const record = readFileSync(join(harness.scratch, 'own', request.volumeId, 'volume.json'), 'utf8');
    assert.match(record, /^\{"schemaVersion":1,/);
    assert.doesNotMatch(record, /podValues|podAddresses/);
  });

  test('that the pod does not have reject the volume, which leaves nothing', async () => {
    await open();
    pods.changes.set('web-0', { metadata: { labels: {}, annotations: {} } });
    const request = harness.request('web-0', { ...names, 'dns-name': 'x' });
    await assert.rejects(harness.publish(request), {
      code: 'invalid-argument',
      message: /the pod has no label "app".*unknown attribute ".*dns-name"/,
    });
    assert.ok(!existsSync(join(harness.scratch, 'own', request.volumeId)));
    assert.deepEqual(
      harness.events.map(({ reason }) => reason),
      ['InvalidAttributes'],
    );
    assert.deepEqual(requested(), []);
  });

  test('are not read from another pod of the same name, or while the API server does not answer', async () => {
    await open();
    const request = harness.request('web-0', names);
    pods.changes.set('web-0', { uid: 'another' });
    await assert.rejects(harness.publish(request), { code: 'not-found', message: /found uid another$/ });
    pods.failure = new CertfleetError('unavailable', 'connection refused');
    await assert.rejects(harness.publish(request), { code: 'unavailable', message: /shop\/web-0.*connection refused/ });
    assert.deepEqual(requested(), []);
    pods.failure = undefined;
    pods.changes.clear();
    await harness.publish(request);
    assert.equal(requested().length, 1);
  });
});
