import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertSharedPropagation, createMountTable, mountContaining } from './mount-table.ts';
import { parseMountinfo } from './mountinfo.ts';

const tableOf = (...lines: string[]): ReturnType<typeof createMountTable> =>
  createMountTable(parseMountinfo(lines.join('\n')));

const node = [
  '20 1 254:1 / / rw shared:1 - ext4 /dev/vda rw',
  '30 20 0:50 / /data/inmemfs rw shared:9 - tmpfs tmpfs rw',
  '31 20 0:50 /vol-1/data /pods/1/mount ro shared:9 - tmpfs tmpfs rw',
  '32 20 0:51 / /pods/2/mount ro - tmpfs tmpfs rw',
];

describe('createMountTable', () => {
  test('does not match a mount by a prefix of a directory name', () => {
    assert.equal(mountContaining(tableOf(...node), '/data/inmemfs-old/x')?.id, 20);
  });

  test('returns the topmost of stacked mounts, in any order of the list', () => {
    const stack = ['40 31 0:61 / /pods/1/mount rw - tmpfs b rw', '41 40 0:62 / /pods/1/mount rw - tmpfs c rw', ...node];
    assert.equal(tableOf(...stack).get('/pods/1/mount')?.id, 41);
    assert.equal(tableOf(...stack.reverse()).get('/pods/1/mount')?.id, 41);
  });

  test('accepts a data root on a shared mount', () => {
    assert.doesNotThrow(() => assertSharedPropagation(tableOf(...node), '/data/inmemfs/vol-1'));
  });

  test('reports what is wrong with a data root that the node does not see', () => {
    const table = tableOf(...node, '50 20 0:52 / /slave rw master:4 - tmpfs tmpfs rw');
    assert.throws(() => assertSharedPropagation(table, '/pods/2/mount/x'), { message: /Bidirectional.*a private one/ });
    assert.throws(() => assertSharedPropagation(table, '/slave'), {
      message: /found master:4/,
      reason: 'MountNotShared',
    });
    assert.throws(() => assertSharedPropagation(new Map(), '/slave'), { message: /found no mount/ });
  });
});
