import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseMountinfo, readMountinfo } from './mountinfo.ts';
import type { Mount } from './mountinfo.ts';

/** Escapes a field as the kernel does (seq_path with the characters of mangle()). */
const escape = (text: string): string =>
  text.replaceAll(/[ \t\n\\#]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);

const print = (mount: Mount): string =>
  [
    ...[mount.id, mount.parentId, mount.device, escape(mount.root), escape(mount.mountPoint), mount.options.join(',')],
    ...mount.propagation,
    ...['-', escape(mount.fileSystem), escape(mount.source), mount.superOptions.join(',')],
  ].join(' ');

const path = fc
  .array(fc.string({ unit: 'grapheme', minLength: 1 }).filter((name) => !/[/\0]/.test(name)))
  .map((names) => `/${names.join('/')}`);
const word = fc.stringMatching(/^[a-z0-9:=]+$/);
const words = fc.array(word, { minLength: 1 });
const mountArbitrary: fc.Arbitrary<Mount> = fc.record({
  id: fc.nat(),
  parentId: fc.nat(),
  device: fc.tuple(fc.nat(), fc.nat()).map(([major, minor]) => `${major}:${minor}`),
  root: path,
  mountPoint: path,
  options: words,
  propagation: fc.array(word),
  fileSystem: word,
  source: fc.oneof(path, fc.constant('')),
  superOptions: words,
});

describe('parseMountinfo', () => {
  test('reads back every mount table that the kernel could print', () => {
    fc.assert(
      fc.property(fc.array(mountArbitrary), (mounts) => {
        const text = mounts.map((mount) => `${print(mount)}\n`).join('');
        assert.deepEqual(
          parseMountinfo(text),
          mounts.map((mount) => ({ ...mount })),
        );
      }),
    );
  });

  test('reads the fields of a line with two optional fields and escapes', () => {
    const line = String.raw`812 27 0:55 /vol/a\011b /var/lib/kubelet/x\040y\134z ro,nosuid shared:7 master:3 - tmpfs certfleet rw,size=16384k`;
    assert.deepEqual(parseMountinfo(`${line}\n`), [
      {
        id: 812,
        parentId: 27,
        device: '0:55',
        root: '/vol/a\tb',
        mountPoint: String.raw`/var/lib/kubelet/x y\z`,
        options: ['ro', 'nosuid'],
        propagation: ['shared:7', 'master:3'],
        fileSystem: 'tmpfs',
        source: 'certfleet',
        superOptions: ['rw', 'size=16384k'],
      },
    ]);
  });

  test('accepts a hyphen as the separator only after the fixed fields', () => {
    const [mount] = parseMountinfo('1 2 0:5 /- - rw - tmpfs - rw\n');
    assert.equal(mount?.mountPoint, '-');
    assert.equal(mount.fileSystem, 'tmpfs');
    assert.deepEqual(mount.propagation, []);
    assert.equal(mount.source, '-');
  });

  test('rejects a line of another format', () => {
    for (const line of ['proc /proc proc rw 0 0', '1 2 0:5 / / rw shared:1', '1 2 0:5 / / rw - tmpfs']) {
      assert.throws(() => parseMountinfo(line), { message: /expected a line of mountinfo/ });
    }
  });

  test("reads this machine's own table", { skip: process.platform !== 'linux' && 'needs /proc' }, () => {
    const mounts = readMountinfo();
    assert.ok(mounts.some((mount) => mount.mountPoint === '/proc' && mount.fileSystem === 'proc'));
  });
});
