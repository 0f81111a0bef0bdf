import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Secret } from '@certfleet/shared/secret.ts';
import { createLinuxMounter } from '../mount/linux-mounter.ts';
import { enterPrivateMountNamespace } from '../mount/private-mount-namespace.ts';
import { systemFiles } from './file-system.ts';
import type { FileSystem } from './file-system.ts';
import { crashAtEachStep } from './testing/crash-injection.ts';
import { isInMemory } from './tmpfs-guard.ts';
import { ownLayout } from './volume-layout.ts';
import type { VolumeRecord } from './volume-record.ts';
import { VolumeStore } from './volume-store.ts';

const notRoot = process.getuid?.() !== 0 && 'owners and mounts need root';
const volumeId = `csi-${'5e'.repeat(32)}`;
const record: VolumeRecord = Object.freeze({
  volumeId,
  targetPath: '/var/lib/kubelet/pods/p/volumes/kubernetes.io~csi/tls/mount',
  attributes: { 'csi.cert-manager.io/issuer-name': 'ca' },
  volumeMountGroup: '2000',
  podValues: undefined,
  createdAt: new Date('2026-11-24T02:22:15Z'),
  phase: 'created',
  generation: 0,
  issued: undefined,
  lastFailure: undefined,
  deferredUntil: undefined,
  request: undefined,
  obsoleteRequests: undefined,
  trust: undefined,
  signalledGeneration: undefined,
});
const secrets = { pkcs12Password: new Secret('hunter2'), pendingKeyPem: new Secret('PENDING KEY') };
const payload = new Map([
  ['tls.key', Buffer.from('key')],
  ['tls.crt', Buffer.from('chain')],
]);

describe('VolumeStore', { skip: notRoot }, () => {
  let root: string;
  let store: VolumeStore;
  const open = (files: FileSystem = systemFiles): VolumeStore =>
    VolumeStore.open({ own: ownLayout(root), clock: { now: () => record.createdAt.getTime() }, files });

  beforeEach(() => {
    root = mkdtempSync('/dev/shm/certfleet-store-');
    store = open();
  });
  afterEach(() => rmSync(root, { recursive: true }));

  test('returns what was stored, also after a restart', () => {
    store.create(record, secrets);
    store.writePayload(volumeId, payload, { gid: 2000 });
    for (const reader of [store, open()]) {
      assert.deepEqual(reader.list(), { records: [record], damaged: [] });
      assert.deepEqual(reader.readRecord(volumeId), record);
      assert.equal(reader.readSecrets(volumeId).pkcs12Password?.reveal(), 'hunter2');
      assert.deepEqual([...reader.readPayload(volumeId)].sort(), [...payload].sort());
    }
    const published: VolumeRecord = { ...record, phase: 'published', generation: 1 };
    store.writeRecord(published);
    store.writeSecrets(volumeId, {});
    assert.deepEqual(open().readRecord(volumeId), published);
    assert.equal(open().readSecrets(volumeId).pendingKeyPem, undefined);
  });

  test('keeps secrets in a separate file that only root can read', () => {
    store.create(record, secrets);
    store.writeRecord({ ...record, generation: 1 });
    store.writeSecrets(volumeId, secrets);
    const modes = Object.fromEntries(
      ['', 'volume.json', 'secret.json', 'data'].map((name) => [
        name,
        lstatSync(join(root, volumeId, name)).mode & 0o7777,
      ]),
    );
    assert.deepEqual(modes, { '': 0o700, 'volume.json': 0o600, 'secret.json': 0o600, data: 0o550 });
    assert.deepEqual(readdirSync(join(root, volumeId)).sort(), ['data', 'secret.json', 'volume.json']);
    assert.doesNotMatch(readFileSync(join(root, volumeId, 'volume.json'), 'utf8'), /hunter2|PENDING/);
    assert.equal(store.dataPath(volumeId), join(root, volumeId, 'data'));
  });

  test('has no file of secrets without secrets', () => {
    store.create(record, {});
    const names = (): string[] => readdirSync(join(root, volumeId)).sort();
    assert.deepEqual(names(), ['data', 'volume.json']);
    assert.deepEqual(open().readSecrets(volumeId), {});
    store.writeSecrets(volumeId, secrets);
    assert.deepEqual(names(), ['data', 'secret.json', 'volume.json']);
    for (let times = 0; times < 2; times += 1) store.writeSecrets(volumeId, { pendingKeyPem: undefined });
    assert.deepEqual(names(), ['data', 'volume.json']);
  });

  test('refuses to create a volume twice, and keeps the first unchanged', () => {
    store.create(record, secrets);
    assert.throws(() => store.create({ ...record, generation: 7 }, {}), { code: 'already-exists' });
    assert.equal(store.readRecord(volumeId).generation, 0);
    assert.deepEqual(readdirSync(root), [volumeId]);
  });

  test('leaves nothing after a removal, and a late write does not restore the volume', () => {
    store.create(record, secrets);
    store.writePayload(volumeId, payload, {});
    store.remove(volumeId);
    assert.deepEqual(readdirSync(root), []);
    const late: (() => unknown)[] = [
      () => store.writeRecord(record),
      () => store.writeSecrets(volumeId, secrets),
      () => store.writeSecrets(volumeId, {}),
      () => store.readSecrets(volumeId),
      () => store.writePayload(volumeId, payload, {}),
      () => store.readRecord(volumeId),
      () => store.dataPath(volumeId),
    ];
    for (const call of late) assert.throws(call, { code: 'not-found' });
    assert.deepEqual(readdirSync(root), []);
    assert.equal(store.has(volumeId), false);
    store.remove(volumeId);
  });

  test('completes a removal that comes between any two steps of a write', () => {
    const writes: ((writer: VolumeStore) => unknown)[] = [
      (writer) => writer.writeRecord(record),
      (writer) => writer.writeSecrets(volumeId, secrets),
      (writer) => writer.writeSecrets(volumeId, {}),
      (writer) => writer.writePayload(volumeId, payload, { gid: 2000 }),
    ];
    for (const write of writes) {
      const race = { step: -1, calls: 0, removed: false };
      // Another process removes the volume just before one of the writer's file system calls.
      const meddled = new Proxy(systemFiles, {
        get:
          (target, property: keyof FileSystem) =>
          (...values: unknown[]) => {
            if (race.calls++ === race.step) {
              race.removed = true;
              open().remove(volumeId);
            }
            return (target[property] as (...values: unknown[]) => unknown)(...values);
          },
      });
      const writer = open(meddled);
      do {
        store.remove(volumeId);
        store.create(record, secrets);
        Object.assign(race, { step: race.step + 1, calls: 0, removed: false });
        try {
          write(writer);
        } catch (error) {
          assert.equal((error as { code?: unknown }).code, 'not-found', `step ${race.step}: ${String(error)}`);
        }
        assert.deepEqual(readdirSync(root), race.removed ? [] : [volumeId], `step ${race.step}`);
      } while (race.removed);
      assert.ok(race.step >= 2, `only ${race.step} steps`);
    }
  });

  test('after a crash at any step of a creation leaves a complete volume or none', () => {
    const outcomes = new Set<number>();
    crashAtEachStep(
      (files) => open(files).create(record, secrets),
      (step) => {
        const { records, damaged } = open().list();
        assert.deepEqual(damaged, [], `step ${step}`);
        outcomes.add(records.length);
        if (records.length === 1) assert.equal(open().readSecrets(volumeId).pkcs12Password?.reveal(), 'hunter2');
        assert.deepEqual(readdirSync(root), records.length === 1 ? [volumeId] : [], `step ${step}`);
        open().remove(volumeId);
      },
    );
    assert.deepEqual([...outcomes], [0, 1]);
  });

  test('after a crash at any step of a removal leaves the volume complete or removed, and no trace after the next start', () => {
    const outcomes = new Set<number>();
    crashAtEachStep(
      (files) => {
        if (!store.has(volumeId)) store.create(record, secrets);
        store.writePayload(volumeId, payload, { gid: 2000 });
        open(files).remove(volumeId);
      },
      (step) => {
        const { records, damaged } = open().list();
        assert.deepEqual(damaged, [], `step ${step}`);
        outcomes.add(records.length);
        for (const removal of open().interruptedRemovals()) {
          assert.equal(removal.volumeId, volumeId);
          store.remove(volumeId);
        }
        assert.deepEqual(readdirSync(root), records.length === 1 ? [volumeId] : [], `step ${step}`);
      },
    );
    assert.deepEqual([...outcomes], [1, 0]);
  });

  test('destroys keys first and keeps the target until nothing is mounted from the volume', () => {
    store.create(record, secrets);
    store.writePayload(volumeId, payload, {});
    store.destroy(volumeId);
    assert.equal(store.has(volumeId), false);
    assert.deepEqual(open().list(), { records: [], damaged: [] });
    assert.deepEqual(open().interruptedRemovals(), [{ volumeId, targetPath: record.targetPath }]);
    const [tombstone = ''] = readdirSync(root);
    assert.deepEqual(readdirSync(join(root, tombstone)), ['volume.json']);
    open().finishRemoval(volumeId);
    assert.deepEqual(readdirSync(root), []);
  });

  test('destroys what it can if the rename of a removal fails, and completes the removal when it is repeated', () => {
    store.create(record, secrets);
    store.writePayload(volumeId, payload, {});
    const renameSync = (): never => {
      throw Object.assign(new Error('input/output error'), { code: 'EIO' });
    };
    assert.throws(() => open({ ...systemFiles, renameSync }).destroy(volumeId), { code: 'internal' });
    assert.deepEqual(readdirSync(join(root, volumeId)), ['volume.json']);
    store.remove(volumeId);
    assert.deepEqual(readdirSync(root), []);
  });

  test('after a crash at any step of writing a record leaves the old or the new one', () => {
    store.create(record, secrets);
    const generations: number[] = [];
    crashAtEachStep(
      (files) => {
        store.writeRecord(record);
        open(files).writeRecord({ ...record, generation: 1 });
      },
      () => generations.push(open().readRecord(volumeId).generation),
    );
    assert.deepEqual([...new Set(generations)], [0, 1]);
  });

  test('reports damaged and foreign entries, keeps them, and starts', () => {
    store.create(record, secrets);
    for (const name of ['torn', 'foreign', 'newer', 'renamed', 'linked', 'bad\nname']) mkdirSync(join(root, name));
    writeFileSync(join(root, 'torn', 'volume.json'), '{"schemaVersion":1,"volu');
    writeFileSync(join(root, 'newer', 'volume.json'), '{"schemaVersion":99}');
    writeFileSync(join(root, 'renamed', 'volume.json'), readFileSync(join(root, volumeId, 'volume.json')));
    symlinkSync(join(root, volumeId, 'volume.json'), join(root, 'linked', 'volume.json'));
    writeFileSync(join(root, 'file'), '');
    symlinkSync(volumeId, join(root, 'link'));
    const { records, damaged } = open().list();
    assert.deepEqual(records, [record]);
    const reasons = Object.fromEntries(damaged.map(({ path, reason }) => [path.slice(root.length + 1), reason]));
    assert.match(reasons['torn'] ?? '', /not JSON/);
    assert.match(reasons['foreign'] ?? '', /expected volume.json in it/);
    assert.match(reasons['newer'] ?? '', /schemaVersion: expected 1, found 99/);
    assert.match(reasons['renamed'] ?? '', /another volume/);
    assert.match(reasons['linked'] ?? '', /plain file/);
    assert.match(reasons['bad\nname'] ?? '', /control character/);
    assert.match(reasons['file'] ?? '', /expected a directory/);
    assert.match(reasons['link'] ?? '', /expected a directory/);
    assert.equal(readdirSync(root).length, 9);
  });

  test('reports what is wrong with a damaged volume on access, and still removes it', () => {
    mkdirSync(join(root, 'torn'));
    writeFileSync(join(root, 'torn', 'volume.json'), '{');
    assert.throws(() => store.readRecord('torn'), { code: 'failed-precondition', reason: 'DamagedVolume' });
    assert.throws(() => store.create({ ...record, volumeId: 'torn' }, {}), { code: 'already-exists' });
    store.remove('torn');
    assert.equal(existsSync(join(root, 'torn')), false);
  });

  test('uses no hostile id in a path', () => {
    const untouched = new Proxy(systemFiles, { get: (_, name) => () => assert.fail(`called ${String(name)}`) });
    const opening: FileSystem = { ...systemFiles };
    const guarded = open(opening);
    Object.assign(
      opening,
      Object.fromEntries(Object.keys(systemFiles).map((name) => [name, Reflect.get(untouched, name)])),
    );
    for (const id of ['', '..', '../x', 'a/b', '..data', 'x'.repeat(200)]) {
      const calls: (() => unknown)[] = [
        () => guarded.create({ ...record, volumeId: id }, secrets),
        () => guarded.adopt({ ...record, volumeId: id }, secrets),
        () => guarded.writeRecord({ ...record, volumeId: id }),
        () => guarded.readRecord(id),
        () => guarded.readSecrets(id),
        () => guarded.writeSecrets(id, secrets),
        () => guarded.writePayload(id, payload, { gid: 1 }),
        () => guarded.readPayload(id),
        () => guarded.dataPath(id),
        () => guarded.has(id),
        () => guarded.remove(id),
      ];
      for (const call of calls) assert.throws(call, { code: 'invalid-argument', message: /^volume_id: / });
    }
  });

  test('keeps the old files and reports it if the tmpfs is full', async () => {
    enterPrivateMountNamespace();
    const mounter = createLinuxMounter();
    await mounter.mountTmpfs(root, 65_536);
    try {
      const small = open();
      small.create(record, secrets);
      small.writePayload(volumeId, payload, {});
      const big = new Map([
        ['tls.crt', Buffer.alloc(20_000)],
        ['tls.key', Buffer.alloc(60_000)],
      ]);
      assert.throws(() => small.writePayload(volumeId, big, {}), {
        code: 'resource-exhausted',
        reason: 'StorageFull',
      });
      assert.deepEqual([...small.readPayload(volumeId)].sort(), [...payload].sort());
      const next = new Map([['tls.crt', Buffer.alloc(20_000)]]);
      assert.equal(small.writePayload(volumeId, next, {}), true);
    } finally {
      await mounter.unmount(root);
    }
  });

  test('refuses a root on a disk', (context) => {
    const onDisk = mkdtempSync(join(tmpdir(), 'certfleet-disk-'));
    try {
      if (isInMemory(systemFiles, onDisk)) {
        context.skip(`${tmpdir()} is a tmpfs here`);
        return;
      }
      const options = { own: ownLayout(onDisk), clock: { now: () => 0 } };
      assert.throws(() => VolumeStore.open(options), { code: 'failed-precondition', message: /private keys must not/ });
    } finally {
      rmSync(onDisk, { recursive: true });
    }
  });

  test('names the root that is missing', () => {
    const options = { own: ownLayout(join(root, 'missing')), clock: { now: () => 0 } };
    assert.throws(() => VolumeStore.open(options), { code: 'not-found', message: /missing/ });
  });
});
