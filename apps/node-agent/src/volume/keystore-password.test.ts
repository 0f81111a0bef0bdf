import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { Secret } from '@certfleet/shared/secret.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';

const notRoot = process.getuid?.() !== 0 && 'owners of files need root';
const madeHere = { 'pkcs12-enable': 'true', 'pkcs12-password-file': 'keystore.pass' };
const chosen = { 'pkcs12-enable': 'true', 'pkcs12-password': 'changeit' };

describe('keystorePassword', { skip: notRoot }, () => {
  let harness: VolumeTestHarness;
  afterEach(() => harness.remove());

  const publish = async (attributes: Record<string, string>, name = 'web'): Promise<string> => {
    const request = harness.request(name, attributes);
    await harness.publish(request);
    return request.volumeId;
  };
  const renew = async (volumeId: string): Promise<void> => {
    const generation = harness.manager.volume(volumeId)?.record.generation ?? 0;
    assert.equal(await harness.manager.renewGeneration(volumeId, generation, true), 'renewed');
  };
  const shown = (volumeId: string): string =>
    harness.store.readPayload(volumeId).get('keystore.pass')?.toString() ?? '';

  /** Opens the pod's keystore with openssl: with a file of the volume, or with a password. */
  const openKeystore = (volumeId: string, passwordSource: string): void => {
    const data = harness.store.dataPath(volumeId);
    const password = passwordSource.replace('file:', `file:${data}/`);
    execFileSync('openssl', ['pkcs12', '-noout', '-in', join(data, 'keystore.p12'), '-passin', password]);
  };

  test('is generated once, and stays the same through renewals and restarts', async () => {
    harness = await VolumeTestHarness.open();
    const volumeId = await publish(madeHere);
    const password = shown(volumeId);
    assert.match(password, /^[0-9a-f]{32}$/);
    openKeystore(volumeId, 'file:keystore.pass');
    await renew(volumeId);
    assert.equal(shown(volumeId), password);
    await harness.restart();
    await renew(volumeId);
    assert.equal(harness.manager.volume(volumeId)?.record.generation, 3);
    assert.equal(shown(volumeId), password);
    openKeystore(volumeId, 'file:keystore.pass');
  });

  test('appears nowhere but in the volume: no record, log line or Event', async () => {
    harness = await VolumeTestHarness.open();
    const volumeId = await publish(madeHere);
    const password = shown(volumeId);
    const fileOf = (name: string): string => readFileSync(join(harness.scratch, 'own', volumeId, name), 'utf8');
    assert.ok(fileOf('secret.json').includes(password));
    assert.ok(!fileOf('volume.json').includes(password));
    assert.match(harness.log, /certificate issued/);
    assert.ok(!`${harness.log}${JSON.stringify(harness.events)}`.includes(password));
  });

  test('is stored before any file uses it', async () => {
    harness = await VolumeTestHarness.open();
    const noSpace = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    harness.beforeFileCall = (call, path) => {
      if (call === 'mkdirSync' && String(path).includes('/data/..')) throw noSpace;
    };
    const request = harness.request('web', madeHere);
    await assert.rejects(harness.publish(request), { code: 'resource-exhausted' });
    const kept = harness.store.readSecrets(request.volumeId).pkcs12Password?.reveal();
    assert.match(kept ?? '', /^[0-9a-f]{32}$/);
    harness.beforeFileCall = undefined;
    await harness.restart();
    await harness.publish(request);
    assert.equal(shown(request.volumeId), kept);
  });

  test('differs between volumes', async () => {
    harness = await VolumeTestHarness.open();
    assert.notEqual(shown(await publish(madeHere, 'one')), shown(await publish(madeHere, 'two')));
  });

  test('is the one that the user chose, also after a restart', async () => {
    harness = await VolumeTestHarness.open();
    const volumeId = await publish(chosen);
    openKeystore(volumeId, 'pass:changeit');
    await harness.restart();
    await renew(volumeId);
    openKeystore(volumeId, 'pass:changeit');
    assert.equal(shown(volumeId), '');
  });

  test('is the one from the Secret at the first mount, also after restarts without the Secret', async () => {
    harness = await VolumeTestHarness.open();
    const attributes = { 'pkcs12-enable': 'true', 'pkcs12-password-secret-key': 'keystore' };
    const secretData = { keystore: new Secret('from the secret'), database: new Secret('not for us') };
    const request = { ...harness.request('web', attributes), secretData };
    await harness.publish(request);
    openKeystore(request.volumeId, 'pass:from the secret');
    await harness.restart();
    await renew(request.volumeId);
    openKeystore(request.volumeId, 'pass:from the secret');
    // The pod has read the password that was in the Secret when it started.
    await harness.publish({ ...request, secretData: { keystore: new Secret('another') } });
    await renew(request.volumeId);
    openKeystore(request.volumeId, 'pass:from the secret');
    const directory = join(harness.scratch, 'own', request.volumeId);
    const contents = harness.filesBelow(directory).map((file) => [file, readFileSync(file, 'latin1')] as const);
    const holders = contents.filter(([, content]) => content.includes('from the secret')).map(([file]) => file);
    assert.deepEqual(holders, [join(directory, 'secret.json')]);
    assert.equal(statSync(join(directory, 'secret.json')).mode & 0o777, 0o600);
    assert.ok(!contents.some(([, content]) => content.includes('not for us')));
    assert.doesNotMatch(`${harness.log}${JSON.stringify(harness.events)}`, /from the secret|not for us/);
  });

  test('is required: a volume whose Secret lacks it is refused and leaves nothing', async () => {
    harness = await VolumeTestHarness.open();
    const attributes = { 'jks-enable': 'true', 'jks-password-secret-key': 'keystore' };
    const request = { ...harness.request('web', attributes), secretData: { password: new Secret('hunter2') } };
    await assert.rejects(harness.publish(request), { code: 'invalid-argument', reason: 'InvalidAttributes' });
    assert.equal(harness.store.has(request.volumeId), false);
    await harness.publish({ ...request, secretData: { keystore: new Secret('hunter2') } });
    assert.ok(harness.store.readPayload(request.volumeId).has('keystore.jks'));
  });
});
