import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { systemFiles } from './file-system.ts';
import { tmpfsHeadroom } from './tmpfs-guard.ts';

describe('tmpfsHeadroom', () => {
  test('reports the free bytes and inodes of a file system', () => {
    const statfsSync = (() => ({ bsize: 4096, blocks: 100, bfree: 40, files: 50, ffree: 7 })) as unknown;
    const files = { statfsSync: statfsSync as typeof systemFiles.statfsSync };
    const expected = { freeBytes: 163_840, sizeBytes: 409_600, freeInodes: 7, inodes: 50 };
    assert.deepEqual(tmpfsHeadroom(files, '/x'), expected);
  });
});
