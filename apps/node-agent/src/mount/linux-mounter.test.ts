import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createLinuxMounter } from './linux-mounter.ts';
import { loadMountCalls } from './mount-calls.ts';
import type { MountCalls } from './mount-calls.ts';
import { createMountTable } from './mount-table.ts';
import type { MountTable } from './mount-table.ts';
import type { Mounter } from './mounter.ts';
import { readMountinfo } from './mountinfo.ts';
import { enterPrivateMountNamespace } from './private-mount-namespace.ts';

const { errno } = constants;
const notRoot = process.getuid?.() !== 0 && 'mounting needs root';

describe('createLinuxMounter on a real kernel', { skip: notRoot }, () => {
  let scratch: string;
  let source: string;
  let target: string;
  let mounter: Mounter;
  const table = (): MountTable => createMountTable(readMountinfo());

  before(() => {
    enterPrivateMountNamespace();
    mounter = createLinuxMounter();
    scratch = mkdtempSync('/dev/shm/certfleet-mounter-');
  });
  after(async () => {
    // After a failed test something may still be mounted.
    for (const path of table().keys()) if (path.startsWith(scratch)) await mounter.unmount(path);
    rmSync(scratch, { recursive: true });
  });
  beforeEach((context) => {
    const directory = mkdtempSync(join(scratch, 'case-'));
    source = join(directory, 'source');
    target = join(directory, `target of ${context.name.slice(0, 5)}`);
    mkdirSync(source);
    mkdirSync(target);
    writeFileSync(join(source, 'file'), 'content');
  });

  test('binds read-only, and the source stays writable', async () => {
    await mounter.bindReadOnly(source, target);
    assert.equal(readFileSync(join(target, 'file'), 'utf8'), 'content');
    assert.throws(() => writeFileSync(join(target, 'file'), 'x'), { code: 'EROFS' });
    writeFileSync(join(source, 'file'), 'renewed');
    assert.equal(readFileSync(join(target, 'file'), 'utf8'), 'renewed');
    const options = table().get(target)?.options ?? [];
    for (const option of ['ro', 'nosuid', 'nodev', 'noexec']) assert.ok(options.includes(option), option);
    await mounter.unmount(target);
    assert.equal(existsSync(join(target, 'file')), false);
  });

  test('mounts a tmpfs that is bounded, private to root, and executes nothing', async () => {
    await mounter.mountTmpfs(target, 65_536);
    const mount = table().get(target);
    assert.equal(mount?.fileSystem, 'tmpfs');
    for (const option of ['nosuid', 'nodev', 'noexec']) assert.ok(mount.options.includes(option), option);
    assert.equal(statSync(target).mode & 0o7777, 0o700);
    assert.throws(() => writeFileSync(join(target, 'big'), Buffer.alloc(131_072)), { code: 'ENOSPC' });
    await mounter.unmount(target);
  });

  test('resizes a tmpfs with its content, but not below its usage', async () => {
    await mounter.mountTmpfs(target, 262_144);
    const before = table().get(target);
    writeFileSync(join(target, 'content'), Buffer.alloc(131_072, 'x'));
    await mounter.resizeTmpfs(target, 1_048_576);
    const { bsize, blocks } = statfsSync(target);
    assert.equal(bsize * blocks, 1_048_576);
    await assert.rejects(mounter.resizeTmpfs(target, 65_536), {
      code: 'resource-exhausted',
      message: /holds more than that/,
    });
    assert.equal(statfsSync(target).blocks * bsize, 1_048_576);
    assert.equal(readFileSync(join(target, 'content'), 'utf8').length, 131_072);
    assert.deepEqual(table().get(target)?.options, before?.options);
    assert.equal(statSync(target).mode & 0o7777, 0o700);
    await mounter.unmount(target);
  });

  test('requests noswap if the kernel supports it, and mounts without it otherwise', async () => {
    const tried: string[] = [];
    const calls = loadMountCalls();
    const oldKernel: MountCalls = {
      ...calls,
      mount(from, onto, options) {
        tried.push(options.data ?? '');
        return options.data?.includes('noswap') ? errno.EINVAL : calls.mount(from, onto, options);
      },
    };
    await createLinuxMounter(oldKernel).mountTmpfs(target, 65_536);
    assert.deepEqual(tried, ['size=65536,mode=0700,noswap', 'size=65536,mode=0700']);
    assert.equal(await mounter.isMounted(target), true);
    await mounter.unmount(target);
  });

  test('unmounts everything that is stacked on the target', async () => {
    for (let depth = 0; depth < 3; depth++) await mounter.bindReadOnly(source, target);
    assert.equal(await mounter.isMounted(target), true);
    await mounter.unmount(target);
    assert.equal(await mounter.isMounted(target), false);
    assert.equal(table().has(target), false);
  });

  test('unmounting what is not mounted, or does not exist, succeeds', async () => {
    await mounter.unmount(target);
    await mounter.unmount(join(target, 'missing'));
    await mounter.unmount(join(source, 'file', 'below a file'));
  });

  test('detaches a target that a process has open', async () => {
    await mounter.bindReadOnly(source, target);
    const descriptor = openSync(join(target, 'file'), 'r');
    await mounter.unmount(target);
    assert.equal(await mounter.isMounted(target), false);
    assert.equal(readFileSync(descriptor, 'utf8'), 'content');
    closeSync(descriptor);
  });

  test('distinguishes a mount from a directory, a missing path and a link to a mount', async () => {
    const link = join(scratch, 'link-to-mount');
    assert.equal(await mounter.isMounted(target), false);
    assert.equal(await mounter.isMounted(join(target, 'missing')), false);
    await mounter.bindReadOnly(source, target);
    symlinkSync(target, link);
    assert.equal(await mounter.isMounted(target), true);
    assert.equal(await mounter.isMounted(link), false);
    await mounter.unmount(link);
    assert.equal(await mounter.isMounted(target), true);
    await mounter.unmount(target);
  });

  test('recognises a mount whose directory is reached over symbolic links', async () => {
    const [outside, far] = [join(scratch, 'links'), mkdtempSync(join(tmpdir(), 'certfleet-far-'))];
    // Two links; the second is the directory that contains the target, on another file system than the first.
    symlinkSync(dirname(target), outside);
    symlinkSync(far, join(outside, 'far'));
    const linked = join(outside, 'far', 'target');
    mkdirSync(linked);
    assert.equal(await mounter.isMounted(linked), false);
    await mounter.bindReadOnly(source, linked);
    assert.equal(table().has(linked), false, 'the mount table has the resolved path');
    assert.equal(await mounter.isMounted(linked), true);
    assert.equal(await mounter.shows(source, linked), true);
    assert.equal(await mounter.shows(join(outside, 'source'), join(far, 'target')), true);
    await mounter.unmount(linked);
    assert.equal(await mounter.isMounted(linked), false);
    rmSync(far, { recursive: true });
  });

  test('distinguishes a mount of the source from a mount of anything else', async () => {
    const other = `${source}-other`;
    mkdirSync(other);
    assert.equal(await mounter.shows(source, source), false, 'the directory itself is not a mount');
    assert.equal(await mounter.shows(source, target), false);
    assert.equal(await mounter.shows(`${source}-missing`, `${target}-missing`), false);
    await mounter.bindReadOnly(source, target);
    assert.equal(await mounter.shows(source, target), true);
    assert.equal(await mounter.shows(other, target), false);
    assert.equal(await mounter.shows(dirname(source), target), false);
    await mounter.bindReadOnly(other, target);
    assert.equal(await mounter.shows(source, target), false, 'the topmost of stacked mounts is what a pod sees');
    await mounter.unmount(target);
  });

  test('distinguishes the source from one that was deleted and created again', async () => {
    await mounter.bindReadOnly(source, target);
    rmSync(source, { recursive: true });
    assert.equal(await mounter.shows(source, target), false);
    mkdirSync(source);
    assert.equal(await mounter.isMounted(target), true);
    assert.equal(await mounter.shows(source, target), false);
    symlinkSync(target, `${source}-link`);
    assert.equal(await mounter.shows(`${source}-link`, target), false);
    await mounter.unmount(target);
  });

  test('follows no symbolic link, neither as the target nor as the source', async () => {
    const link = join(scratch, 'link');
    symlinkSync(target, link);
    await assert.rejects(mounter.bindReadOnly(source, link), { code: 'failed-precondition', message: /symbolic link/ });
    await assert.rejects(mounter.mountTmpfs(link, 65_536), { code: 'failed-precondition' });
    await assert.rejects(mounter.bindReadOnly(link, target), { code: 'failed-precondition' });
    assert.equal(await mounter.isMounted(target), false);
  });

  test('undoes the bind if it cannot be made read-only', async () => {
    const calls = loadMountCalls();
    const noRemount: MountCalls = {
      ...calls,
      mount: (from, onto, options) => (from === null ? errno.EPERM : calls.mount(from, onto, options)),
    };
    await assert.rejects(createLinuxMounter(noRemount).bindReadOnly(source, target), {
      code: 'permission-denied',
      message: /CAP_SYS_ADMIN/,
    });
    assert.equal(await mounter.isMounted(target), false);
  });

  test('names the directory that is missing', async () => {
    const missing = join(target, 'missing');
    await assert.rejects(mounter.bindReadOnly(source, missing), { code: 'not-found', message: new RegExp(missing) });
    await assert.rejects(mounter.bindReadOnly(missing, target), { code: 'not-found', message: new RegExp(missing) });
    assert.equal(await mounter.isMounted(target), false);
  });

  test('keeps the mount of a target whose directory was moved in between', async () => {
    await mounter.bindReadOnly(source, target);
    renameSync(source, `${source}-moved`);
    assert.equal(readFileSync(join(target, 'file'), 'utf8'), 'content');
    await mounter.unmount(target);
  });

  test('reports that a locked mount cannot be unmounted', async () => {
    await mounter.bindReadOnly(source, target);
    const refusing: MountCalls = { ...loadMountCalls(), umount: () => errno.EINVAL };
    await assert.rejects(createLinuxMounter(refusing).unmount(target), { message: /EINVAL.*locked/ });
    await mounter.unmount(target);
  });

  test('explains the missing capability, and still unmounts nothing successfully without it', () => {
    const script = `
      import { createLinuxMounter } from ${JSON.stringify(join(import.meta.dirname, 'linux-mounter.ts'))};
      const mounter = createLinuxMounter();
      await mounter.unmount('/nobody-mounted-this');
      await mounter.unmount('/usr');
      await mounter.mountTmpfs('/usr', 65536).catch((error) => console.log(error.code, error.message));
      await mounter.unmount('/proc').catch((error) => console.log(error.code, error.message));`;
    const flags = ['--input-type=module', '--eval', script];
    const output = execFileSync(process.execPath, flags, { uid: 65_534, gid: 65_534, encoding: 'utf8' });
    assert.match(output, /^permission-denied mount a tmpfs on \/usr: EPERM.*CAP_SYS_ADMIN/m);
    assert.match(output, /^permission-denied unmount \/proc: EPERM/m);
  });
});

describe('createLinuxMounter without a mount', () => {
  test('rejects relative paths and paths with a NUL', async () => {
    const untouched: MountCalls = { mount: () => assert.fail('mounted'), umount: () => assert.fail('unmounted') };
    const mounter = createLinuxMounter(untouched);
    for (const path of ['relative', '', '/target\0/x']) {
      await assert.rejects(mounter.unmount(path), { code: 'invalid-argument' });
      await assert.rejects(mounter.isMounted(path), { code: 'invalid-argument' });
      await assert.rejects(mounter.bindReadOnly('/', path), { code: 'invalid-argument' });
      await assert.rejects(mounter.mountTmpfs(path, 1), { code: 'invalid-argument' });
    }
  });

  test('rejects a tmpfs without a size', async () => {
    const mounter = createLinuxMounter({ mount: () => 0, umount: () => 0 });
    for (const size of [0, -1, 1.5, Number.NaN])
      await assert.rejects(mounter.mountTmpfs('/', size), /positive integer/);
  });
});
