import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';

let bench: VolumeTestHarness;
const open = async (): Promise<VolumeTestHarness> => (bench = await VolumeTestHarness.open());
afterEach(() => bench.remove());

describe('unpublish', () => {
  test('succeeds for an unknown volume', async () => {
    await open();
    await bench.manager.unpublish(bench.request('never'));
  });

  test('ends a pending issuance, and a late result writes nothing', async () => {
    await open();
    bench.issuer.hold();
    const request = bench.request('web');
    const publish = assert.rejects(bench.publish(request), { code: 'aborted' });
    await bench.clock.advance(0);
    await bench.manager.unpublish(request);
    await publish;
    bench.issuer.release();
    await bench.clock.advance(120_000);
    assert.equal(bench.store.has(request.volumeId), false);
    assert.equal(existsSync(request.targetPath), false);
    assert.equal(bench.mounter.mounted.size, 0);
    assert.equal(bench.issuer.requests.length, 1);
  });

  test('ends a pending renewal, and the volume is never renewed again', async () => {
    await open();
    const request = bench.request('web');
    await bench.publish(request);
    bench.issuer.hold();
    await bench.clock.advance(20_000);
    assert.equal(bench.issuer.requests.length, 2);
    await bench.manager.unpublish(request);
    bench.issuer.release();
    await bench.clock.advance(300_000);
    assert.equal(bench.issuer.requests.length, 2);
    assert.equal(bench.store.has(request.volumeId), false);
  });

  test('concurrent with many publishes, leaves the state of the last call', async () => {
    await open();
    const request = bench.request('web');
    const calls = Array.from({ length: 30 }, (_, index) =>
      (index % 2 === 0 ? bench.publish(request) : bench.manager.unpublish(request)).catch(() => undefined),
    );
    await Promise.all(calls);
    assert.equal(bench.store.has(request.volumeId), false);
    assert.equal(bench.mounter.mounted.size, 0);
    await bench.publish(request);
    assert.notEqual(bench.serial(request), undefined);
  });

  test('unmounts the actual target if called with another one', async () => {
    await open();
    const request = bench.request('web');
    await bench.publish(request);
    await bench.manager.unpublish({ ...request, targetPath: join(bench.scratch, 'elsewhere') });
    assert.equal(bench.mounter.mounted.size, 0);
    assert.equal(bench.store.has(request.volumeId), false);
  });
});
