// The store of operator intent in files. That in Kubernetes is in suites/kube-intent-store.ts.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { FileIntentStore } from '../../apps/renewal-controller/src/intent/file-intent-store.ts';
import { systemClock } from '../../libs/shared/src/clock.ts';
import { createLogger } from '../../libs/shared/src/logger.ts';
import { intentStoreContract, seen } from './intent-store-contract.ts';
import type { StoreUnderTest } from './intent-store-contract.ts';

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
