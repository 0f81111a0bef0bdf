import assert from 'node:assert/strict';
import { lstatSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { systemFiles } from './file-system.ts';
import { writeReloadMarker } from './reload-marker.ts';
import type { ReloadMarker } from './reload-marker.ts';
import { crashAtEachStep } from './testing/crash-injection.ts';

const notRoot = process.getuid?.() !== 0 && 'changing groups needs root';
const scratch = mkdtempSync('/dev/shm/certfleet-marker-');
after(() => rmSync(scratch, { recursive: true }));

const marker = (certificate: string, ca: string) => ({
  ...{ name: 'reload', fingerprintSha256: certificate.repeat(32), caFileSha256: ca.repeat(32) },
});
const [first, second] = [marker('1a', 'ca'), marker('2b', 'ca')];
const contentOf = ({ fingerprintSha256, caFileSha256 }: ReloadMarker): string =>
  `${fingerprintSha256}\n${caFileSha256}\n`;
const targetIn = (directory: string) => ({ directory, gid: 2000 });
const newDirectory = (): string => mkdtempSync(join(scratch, 'data-'));

describe('writeReloadMarker', { skip: notRoot }, () => {
  const write = (directory: string, content: ReloadMarker): boolean =>
    writeReloadMarker(systemFiles, targetIn(directory), content);

  test('creates a file that only the group can read, and keeps it', () => {
    const directory = newDirectory();
    const path = join(directory, 'reload');
    assert.equal(write(directory, first), true);
    const created = lstatSync(path);
    assert.deepEqual([created.mode & 0o7777, created.uid, created.gid], [0o440, 0, 2000]);
    assert.equal(write(directory, first), false);
    assert.equal(lstatSync(path).mtimeMs, created.mtimeMs);
    assert.equal(write(directory, second), true);
    assert.equal(readFileSync(path, 'utf8'), contentOf(second));
    const otherCa = marker('2b', 'cb');
    assert.equal(write(directory, otherCa), true);
    assert.equal(readFileSync(path, 'utf8'), contentOf(otherCa));
    assert.equal(lstatSync(path).ino, created.ino);
    assert.deepEqual(readdirSync(directory), ['reload']);
  });

  test('after a crash at any step the file is absent, old, mixed or new, and the next call completes it', () => {
    for (const hasOne of [false, true]) {
      let directory = '';
      const begin = (): void => {
        directory = newDirectory();
        if (hasOne) write(directory, first);
      };
      begin();
      const steps = crashAtEachStep(
        (files) => writeReloadMarker(files, targetIn(directory), second),
        () => {
          const length = systemFiles.lstatSync(join(directory, 'reload'), { throwIfNoEntry: false })?.size;
          assert.ok(length === undefined || length === 130);
          write(directory, second);
          assert.equal(readFileSync(join(directory, 'reload'), 'utf8'), contentOf(second));
          assert.deepEqual(
            readdirSync(directory).filter((name) => name !== '..new-marker'),
            ['reload'],
          );
          begin();
        },
      );
      assert.ok(steps >= 5, String(steps));
    }
  });

  test('replaces a link without following it', () => {
    const directory = newDirectory();
    const foreign = join(scratch, 'foreign');
    writeFileSync(foreign, 'untouched');
    symlinkSync(foreign, join(directory, 'reload'));
    write(directory, first);
    assert.equal(readFileSync(foreign, 'utf8'), 'untouched');
    assert.equal(lstatSync(join(directory, 'reload')).isFile(), true);
  });
});
