import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';

let harness: VolumeTestHarness;
const open = async (): Promise<VolumeTestHarness> => (harness = await VolumeTestHarness.open());
afterEach(() => harness.remove());

describe('unpublish', () => {
  test('succeeds for an unknown volume', async () => {
    await open();
    await harness.manager.unpublish(harness.request('never'));
  });

  test('ends a pending issuance, and a late result writes nothing', async () => {
    await open();
    harness.issuer.hold();
    const request = harness.request('web');
    const publish = assert.rejects(harness.publish(request), { code: 'aborted' });
    await harness.clock.advance(0);
    await harness.manager.unpublish(request);
    await publish;
    harness.issuer.release();
    await harness.clock.advance(120_000);
    assert.equal(harness.store.has(request.volumeId), false);
    assert.equal(existsSync(request.targetPath), false);
    assert.equal(harness.mounter.mounted.size, 0);
    assert.equal(harness.issuer.requests.length, 1);
  });

  test('ends a pending renewal, and the volume is never renewed again', async () => {
    await open();
    const request = harness.request('web');
    await harness.publish(request);
    harness.issuer.hold();
    await harness.clock.advance(20_000);
    assert.equal(harness.issuer.requests.length, 2);
    await harness.manager.unpublish(request);
    harness.issuer.release();
    await harness.clock.advance(300_000);
    assert.equal(harness.issuer.requests.length, 2);
    assert.equal(harness.store.has(request.volumeId), false);
  });

  test('concurrent with many publishes, leaves the state of the last call', async () => {
    await open();
    const request = harness.request('web');
    const calls = Array.from({ length: 30 }, (_, index) =>
      (index % 2 === 0 ? harness.publish(request) : harness.manager.unpublish(request)).catch(() => undefined),
    );
    await Promise.all(calls);
    assert.equal(harness.store.has(request.volumeId), false);
    assert.equal(harness.mounter.mounted.size, 0);
    await harness.publish(request);
    assert.notEqual(harness.serial(request), undefined);
  });

  test('unmounts the actual target if called with another one', async () => {
    await open();
    const request = harness.request('web');
    await harness.publish(request);
    await harness.manager.unpublish({ ...request, targetPath: join(harness.scratch, 'elsewhere') });
    assert.equal(harness.mounter.mounted.size, 0);
    assert.equal(harness.store.has(request.volumeId), false);
  });
});
