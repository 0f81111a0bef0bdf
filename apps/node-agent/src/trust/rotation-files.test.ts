import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { testRoot } from '../crypto/testing/test-roots.ts';
import { RotationFiles } from './rotation-files.ts';
import { until } from './testing/trust-fixture.ts';

describe('RotationFiles', () => {
  const clock = new ManualClock(0);
  let root = '';
  let files: RotationFiles;
  let synced: (readonly string[])[] = [];
  let errors: string[] = [];

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'certfleet-rotation-files-'));
    [synced, errors] = [[], []];
    files = new RotationFiles({
      directory: join(root, 'carotations'),
      clock,
      onSynced: (objects) => synced.push(objects.map(({ name, trust }) => `${name} ${trust?.state ?? '-'}`)),
      onError: ({ message }) => errors.push(message),
    });
  });
  afterEach(async () => {
    await files.stop();
    rmSync(root, { recursive: true });
  });

  const write = (name: string, content: string): void => writeFileSync(join(root, 'carotations', name), content);
  const object = (name: string, state?: string): string => {
    const { pem, fingerprint } = testRoot();
    const trust = { state, certificates: [pem], fingerprints: [fingerprint] };
    return JSON.stringify({ metadata: { name }, ...(state !== undefined && { status: { trust } }) });
  };
  /** Waits for the read in progress, and starts the next one. */
  const next = async (count: number): Promise<void> => {
    while (synced.length < count) {
      await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(1_000);
    }
  };

  test('says that there are no objects before the controller has made the directory, then every change once', async () => {
    files.start();
    await next(1);
    mkdirSync(join(root, 'carotations'));
    write('a.json', object('a', 'Add'));
    write('..new-b.json', 'half an object');
    await next(2);
    write('a.json', object('a'));
    await next(3);
    rmSync(join(root, 'carotations/a.json'));
    await next(4);
    assert.deepEqual([synced, errors], [[[], ['a Add'], ['a -'], []], []]);
  });

  test('says nothing about objects while a file is damaged', async () => {
    mkdirSync(join(root, 'carotations'));
    write('a.json', object('a', 'Add'));
    write('b.json', '{');
    files.start();
    await until(() => errors.length > 0);
    assert.match(errors[0] ?? '', /cannot read the CARotations in .*JSON/);
    assert.deepEqual(synced, []);
    write('b.json', object('b', 'Remove'));
    await next(1);
    assert.deepEqual(synced, [['a Add', 'b Remove']]);
  });
});
