import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { systemFiles } from '../storage/file-system.ts';
import { createTarget, removeTarget } from './target-directory.ts';

describe('target directory', () => {
  test('creates and removes a target once, and never removes one with files', () => {
    const scratch = mkdtempSync(join(tmpdir(), 'cf-'));
    after(() => rmSync(scratch, { recursive: true }));
    const target = join(scratch, 'pod/volumes/mount');
    assert.equal(createTarget(systemFiles, target), true);
    assert.equal(createTarget(systemFiles, target), false);
    removeTarget(systemFiles, target);
    removeTarget(systemFiles, target);
    mkdirSync(target);
    writeFileSync(join(target, 'somebody’s'), '');
    assert.throws(() => removeTarget(systemFiles, target), {
      code: 'unavailable',
      reason: 'MountFailed',
      message: /cannot remove/,
    });
    writeFileSync(join(scratch, 'file'), '');
    assert.throws(() => createTarget(systemFiles, join(scratch, 'file/mount')), { code: 'unavailable' });
  });
});
