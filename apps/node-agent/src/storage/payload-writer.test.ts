import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { systemFiles } from './file-system.ts';
import { crashAtEachStep } from './testing/crash-injection.ts';
import { readPayload } from './payload.ts';
import type { Payload } from './payload.ts';
import { writePayload } from './payload-writer.ts';
import type { PayloadTarget } from './payload-writer.ts';

const notRoot = process.getuid?.() !== 0 && 'changing groups needs root';
const fsGroup = 2000;
const payloadOf = (files: Record<string, string>): Payload =>
  new Map(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)]));
const first = payloadOf({ 'tls.crt': 'chain 1', 'tls.key': 'key 1', 'ca.crt': 'ca 1' });
const second = payloadOf({ 'tls.crt': 'chain 2', 'tls.key': 'key 2', 'keystore.p12': 'store 2' });

/** The capabilities that the image's entry point keeps, as setpriv's options. */
function entryPointOptions(): readonly string[] {
  const dockerfile = readFileSync(join(import.meta.dirname, '../../../../Dockerfile'), 'utf8');
  const options = dockerfile.match(/"(--bounding-set=[^"]+|--inh-caps=[^"]+|--no-new-privs)"/g) ?? [];
  assert.equal(options.length, 3);
  return options.map((option) => option.slice(1, -1));
}

describe('writePayload', { skip: notRoot }, () => {
  let scratch: string;
  let directory: string;
  let target: PayloadTarget;
  const write = (payload: Payload): boolean => writePayload(systemFiles, target, payload);
  const modeOf = (name: string): number => lstatSync(join(directory, name)).mode & 0o7777;

  before(() => {
    scratch = mkdtempSync('/dev/shm/certfleet-payload-');
  });
  after(() => rmSync(scratch, { recursive: true }));
  const makeDirectory = (): void => {
    directory = mkdtempSync(join(scratch, 'data-'));
    chmodSync(directory, 0o550);
    target = { directory, gid: fsGroup, now: new Date('2026-11-24T02:22:15.123Z') };
  };
  beforeEach(makeDirectory);

  /** The files that a pod sees: each listed name, read through its link. */
  const visible = (): Payload =>
    new Map(
      readdirSync(directory)
        .filter((name) => !name.startsWith('..'))
        .map((name) => [name, readFileSync(join(directory, name))]),
    );

  const assertTidy = (payload: Payload): void => {
    assert.deepEqual(visible(), new Map([...payload].sort(([a], [b]) => (a < b ? -1 : 1))));
    const current = readlinkSync(join(directory, '..data'));
    assert.deepEqual(readdirSync(directory).sort(), ['..data', current, ...payload.keys()].sort());
    assert.deepEqual(readdirSync(join(directory, current)).sort(), [...payload.keys()].sort());
  };

  test('writes the layout of the kubelet, readable by the group only', () => {
    process.umask(0o077);
    assert.equal(write(first), true);
    assertTidy(first);
    const current = readlinkSync(join(directory, '..data'));
    assert.match(current, /^\.\.2026_11_24_02_22_15\.\d+$/);
    assert.equal(readlinkSync(join(directory, 'tls.crt')), '..data/tls.crt');
    assert.equal(modeOf(current), 0o755);
    assert.equal(modeOf('.'), 0o550);
    assert.equal(lstatSync(directory).gid, fsGroup);
    for (const name of first.keys()) {
      assert.equal(modeOf(join(current, name)), 0o440);
      assert.equal(lstatSync(join(directory, current, name)).gid, fsGroup);
      assert.equal(lstatSync(join(directory, current, name)).uid, 0);
    }
  });

  test('removes old files and names that are no longer used', () => {
    write(first);
    assert.equal(write(second), true);
    assertTidy(second);
  });

  test('changes nothing if the files are the same', () => {
    write(first);
    const current = readlinkSync(join(directory, '..data'));
    assert.equal(write(payloadOf({ 'tls.crt': 'chain 1', 'tls.key': 'key 1', 'ca.crt': 'ca 1' })), false);
    assert.equal(readlinkSync(join(directory, '..data')), current);
  });

  test('writes the same files again for another group, or if their mode was changed', () => {
    write(first);
    assert.equal(writePayload(systemFiles, { ...target, gid: undefined }, first), true);
    assert.equal(lstatSync(directory).gid, 0);
    assert.equal(lstatSync(join(directory, '..data', '..', readlinkSync(join(directory, '..data')), 'tls.key')).gid, 0);
    chmodSync(join(directory, 'tls.key'), 0o444);
    assert.equal(writePayload(systemFiles, { ...target, gid: undefined }, first), true);
    assert.equal(modeOf(join(readlinkSync(join(directory, '..data')), 'tls.key')), 0o440);
  });

  const accessOf = (name: string): readonly [uid: number, gid: number, mode: number] => {
    const { uid, gid, mode } = statSync(join(directory, name));
    return [uid, gid, mode & 0o7777];
  };

  test('gives the files their owner and modes, and lets the owner into the directory', () => {
    process.umask(0o077);
    const modeOf = (name: string): number => (name === 'tls.key' ? 0o600 : 0o640);
    const owned = { ...target, uid: 999, modeOf };
    assert.equal(writePayload(systemFiles, owned, first), true);
    assert.deepEqual(accessOf('.'), [999, fsGroup, 0o550]);
    assert.deepEqual(accessOf('tls.key'), [999, fsGroup, 0o600]);
    assert.deepEqual(accessOf('tls.crt'), [999, fsGroup, 0o640]);
    assert.equal(writePayload(systemFiles, owned, first), false, 'nothing changed');
    // A pod has a mount of the directory itself; its parents belong to root only.
    const readAs = (uid: number): string =>
      spawnSync('setpriv', [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', 'cat', 'tls.key'], {
        cwd: directory,
        encoding: 'utf8',
      }).stdout;
    assert.deepEqual([readAs(999), readAs(998)], ['key 1', '']);
  });

  test('lets everybody into the directory of files that everybody may read', () => {
    const open = { ...target, modeOf: (name: string): number => (name === 'tls.key' ? 0o400 : 0o444) };
    writePayload(systemFiles, open, first);
    assert.deepEqual(accessOf('.'), [0, fsGroup, 0o555]);
    assert.deepEqual(accessOf('ca.crt'), [0, fsGroup, 0o444]);
    assert.deepEqual(accessOf('tls.key'), [0, fsGroup, 0o400]);
    write(first);
    assert.deepEqual(accessOf('.'), [0, fsGroup, 0o550]);
  });

  test('writes the same files again for another owner', () => {
    write(first);
    assert.equal(writePayload(systemFiles, { ...target, uid: 999 }, first), true);
    assert.deepEqual(accessOf('tls.key'), [999, fsGroup, 0o440]);
  });

  test('renews the files of another owner with the capabilities of the image', () => {
    const modules = JSON.stringify({
      writer: join(import.meta.dirname, 'payload-writer.ts'),
      files: join(import.meta.dirname, 'file-system.ts'),
    });
    const program = `const { writer, files } = ${modules};
      const { writePayload } = await import(writer);
      const { systemFiles } = await import(files);
      const target = { directory: ${JSON.stringify(directory)}, uid: 999, gid: 2000, modeOf: () => 0o604, now: new Date() };
      for (const text of ['one', 'two', 'three']) writePayload(systemFiles, target, new Map([[text, Buffer.from(text)]]));`;
    const { status, stderr } = spawnSync('setpriv', [...entryPointOptions(), process.execPath, '--input-type=module'], {
      input: program,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    assert.deepEqual([...visible().keys()], ['three']);
    assert.deepEqual(accessOf('three'), [999, 2000, 0o604]);
    assert.deepEqual(accessOf('.'), [999, 2000, 0o555]);
  });

  test('after a crash at any step of the first write shows nothing or complete files, and the next write cleans up', () => {
    const steps = crashAtEachStep(
      (files) => {
        makeDirectory();
        writePayload(files, target, first);
      },
      (step) => {
        for (const [name, content] of visible()) assert.deepEqual(content, first.get(name), `step ${step}`);
        const seen = readPayload(systemFiles, directory);
        if (seen.size > 0) assert.deepEqual(seen, new Map([...first].sort()), `step ${step}`);
        write(first);
        assertTidy(first);
      },
    );
    assert.ok(steps > 25, `only ${steps} steps`);
  });

  test('after a crash at any step of a renewal leaves all old or all new files, and the next write cleans up', () => {
    const outcomes = new Set<string>();
    crashAtEachStep(
      (files) => {
        makeDirectory();
        write(first);
        writePayload(files, target, second);
      },
      (step) => {
        const seen = Object.fromEntries(
          [...readPayload(systemFiles, directory)].map(([name, text]) => [name, String(text)]),
        );
        const generation = seen['tls.key'] === 'key 1' ? first : second;
        outcomes.add(generation === first ? 'old' : 'new');
        assert.deepEqual(
          seen,
          Object.fromEntries([...generation].map(([name, text]) => [name, String(text)])),
          `step ${step}`,
        );
        assert.deepEqual(readFileSync(join(directory, 'tls.crt')), generation.get('tls.crt'), `step ${step}`);
        // The agent continues with the new files or, if it lost them, with a third certificate.
        write(step % 2 === 0 ? second : first);
        assertTidy(step % 2 === 0 ? second : first);
      },
    );
    assert.deepEqual([...outcomes], ['old', 'new']);
  });

  test('never shows a reader files of two writes or a partial one', async () => {
    const generation = (number: number): Payload =>
      payloadOf({ a: `${number} `.repeat(2000), b: `${number} `.repeat(2000) });
    write(generation(0));
    const stop = new SharedArrayBuffer(4);
    const reader = new Worker(readerSource, { eval: true, workerData: { directory, stop } });
    await new Promise((resolve) => reader.once('message', resolve));
    for (let number = 1; number <= 400; number++) write(generation(number));
    const report = new Promise<{ reads: number; wrong: string[] }>((resolve) => reader.once('message', resolve));
    Atomics.store(new Int32Array(stop), 0, 1);
    const { reads, wrong } = await report;
    assert.deepEqual(wrong, []);
    assert.ok(reads > 0);
  });

  test('removes partial files if the write fails, and keeps the old files', () => {
    write(first);
    const full = Object.assign(new Error('full'), { code: 'ENOSPC' });
    const files = {
      ...systemFiles,
      fchmodSync: () => {
        throw full;
      },
    };
    assert.throws(() => writePayload(files, target, second), full);
    assertTidy(first);
  });

  test('keeps files of other programs', () => {
    writeFileSync(join(directory, 'notes'), 'by hand');
    symlinkSync('elsewhere', join(directory, 'link'));
    write(first);
    assert.deepEqual(
      readdirSync(directory).filter((name) => ['notes', 'link'].includes(name)),
      ['link', 'notes'],
    );
  });

  test('follows no ..data link out of the directory, and reads only plain files', () => {
    const outside = join(scratch, '..outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'tls.key'), 'not ours');
    for (const target of [outside, '../..outside', '.', '..', '..data']) {
      symlinkSync(target, join(directory, '..data'));
      assert.equal(readPayload(systemFiles, directory).size, 0, target);
      rmSync(join(directory, '..data'));
    }
    mkdirSync(join(directory, '..payload'));
    symlinkSync(join(outside, 'tls.key'), join(directory, '..payload', 'tls.key'));
    symlinkSync('..payload', join(directory, '..data'));
    assert.equal(readPayload(systemFiles, directory).size, 0);
    write(first);
    assertTidy(first);
    assert.equal(readFileSync(join(outside, 'tls.key'), 'utf8'), 'not ours');
  });

  test('rejects names that are not plain file names', () => {
    for (const name of ['', '.', '..', '..data', 'a/b', '../x', 'a\0']) {
      assert.throws(() => write(payloadOf({ [name]: 'x' })), { code: 'invalid-argument' }, JSON.stringify(name));
    }
    assert.deepEqual(readdirSync(directory), []);
  });
});

/** Opens the current directory once, as a careful pod does, and compares its two files; retries if it was removed. */
const readerSource = `
  const { parentPort, workerData } = require('node:worker_threads');
  const fs = require('node:fs');
  const stop = new Int32Array(workerData.stop);
  const wrong = [];
  let reads = 0;
  parentPort.postMessage('ready');
  while (Atomics.load(stop, 0) === 0 || reads === 0) {
    let current;
    try {
      current = fs.openSync(workerData.directory + '/..data', fs.constants.O_DIRECTORY);
      const [a, b] = ['a', 'b'].map((name) => fs.readFileSync('/proc/self/fd/' + current + '/' + name, 'utf8'));
      const whole = (parseInt(a) + ' ').repeat(2000);
      if (a !== b || a !== whole) wrong.push(a.slice(0, 10) + ' / ' + b.slice(0, 10));
      reads++;
    } catch (error) {
      if (error.code !== 'ENOENT') wrong.push(String(error));
    } finally {
      if (current !== undefined) fs.closeSync(current);
    }
  }
  parentPort.postMessage({ reads, wrong });`;
