import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { systemFiles } from './file-system.ts';
import { tmpfsHeadroom } from './tmpfs-guard.ts';

test('tells what is left of a file system, in bytes and inodes', () => {
  const statfsSync = (() => ({ bsize: 4096, blocks: 100, bfree: 40, files: 50, ffree: 7 })) as unknown;
  const files = { statfsSync: statfsSync as typeof systemFiles.statfsSync };
  const expected = { freeBytes: 163_840, sizeBytes: 409_600, freeInodes: 7, inodes: 50 };
  assert.deepEqual(tmpfsHeadroom(files, '/x'), expected);
});
