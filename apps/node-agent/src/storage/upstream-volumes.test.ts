import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, before, beforeEach, describe, test } from 'node:test';
import { createLinuxMounter } from '../mount/linux-mounter.ts';
import { createMountTable } from '../mount/mount-table.ts';
import type { Mounter } from '../mount/mounter.ts';
import { readMountinfo } from '../mount/mountinfo.ts';
import { enterPrivateMountNamespace } from '../mount/private-mount-namespace.ts';
import { systemFiles } from './file-system.ts';
import { crashAtEachStep } from './testing/crash-injection.ts';
import { findUpstreamLayout } from './upstream-layout.ts';
import { findUpstreamVolumes } from './upstream-volumes.ts';
import type { InspectCertificate, UpstreamVolumes } from './upstream-volumes.ts';
import { ownLayout } from './volume-layout.ts';
import type { VolumeLayout } from './volume-layout.ts';
import type { CertificateFacts } from './volume-record.ts';
import { VolumeStore } from './volume-store.ts';

const notRoot = process.getuid?.() !== 0 && 'mounting needs root';
const clock = { now: () => Date.parse('2026-11-24T09:00:00Z') };
const facts: CertificateFacts = {
  serialNumber: '0a',
  fingerprintSha256: 'ff',
  notBefore: new Date('2026-11-24T00:00:00Z'),
  notAfter: new Date('2026-12-24T00:00:00Z'),
  caFingerprintsSha256: ['ca'],
};
const payloadName = '..2026_11_24_02_22_15.3413110033';

describe('volumes of cert-manager’s csi-driver', { skip: notRoot }, () => {
  let scratch: string;
  let upstreamDirectory: string;
  let mounter: Mounter;
  let layout: VolumeLayout;

  before(enterPrivateMountNamespace);
  beforeEach(async () => {
    scratch = mkdtempSync('/dev/shm/certfleet-upstream-');
    upstreamDirectory = join(scratch, 'cert-manager-csi-driver');
    mounter = createLinuxMounter();
    mkdirSync(join(upstreamDirectory, 'inmemfs'), { recursive: true });
    await mounter.mountTmpfs(join(upstreamDirectory, 'inmemfs'), 1_048_576);
    mkdirSync(join(scratch, 'own'));
    layout = found(findUpstreamLayout(upstreamDirectory, ownRoot()));
  });
  afterEach(async () => {
    const points = [...createMountTable(readMountinfo()).keys()].filter((point) => point.startsWith(scratch));
    for (const point of points.sort().reverse()) await mounter.unmount(point);
    rmSync(scratch, { recursive: true });
  });

  const ownRoot = (): string => join(scratch, 'own');
  const targetOf = (volumeId: string): string => join(scratch, 'pods', volumeId, 'mount');
  const directoryOf = (volumeId: string): string => join(upstreamDirectory, 'inmemfs', volumeId);

  /** A volume as csi-driver leaves it: modes, links, metadata. */
  const layOut = (volumeId: string, metadata: object = {}): void => {
    const directory = directoryOf(volumeId);
    const data = join(directory, 'data');
    mkdirSync(join(data, payloadName), { recursive: true });
    for (const name of ['tls.crt', 'tls.key', 'ca.crt']) {
      writeFileSync(join(data, payloadName, name), `${name} of ${volumeId}`, { mode: 0o440 });
      symlinkSync(`..data/${name}`, join(data, name));
    }
    symlinkSync(payloadName, join(data, '..data'));
    chmodSync(data, 0o550);
    chmodSync(directory, 0o644);
    const whole = {
      volumeID: volumeId,
      targetPath: targetOf(volumeId),
      nextIssuanceTime: '2026-12-14T00:00:00Z',
      volumeContext: {
        'csi.cert-manager.io/issuer-name': 'ca',
        'csi.cert-manager.io/pkcs12-password': 'hunter2',
        'csi.storage.k8s.io/serviceAccount.tokens': '{"":{"token":"t"}}',
      },
      volumeMountGroup: '2000',
      ...metadata,
    };
    writeFileSync(join(directory, 'metadata.json'), JSON.stringify(whole), { mode: 0o600 });
  };
  const mountAtTarget = async (volumeId: string, source = volumeId): Promise<void> => {
    mkdirSync(targetOf(volumeId), { recursive: true });
    await mounter.bindReadOnly(join(directoryOf(source), 'data'), targetOf(volumeId));
  };
  const search = (inspect: InspectCertificate = () => facts): UpstreamVolumes =>
    findUpstreamVolumes(layout, { inspect, clock });
  const openStore = (files = systemFiles): VolumeStore =>
    VolumeStore.open({ own: ownLayout(join(scratch, 'own')), adopted: layout, clock, files });

  test('are found with everything that their renewal needs, secrets separately', async () => {
    layOut('vol-1');
    await mountAtTarget('vol-1');
    const { adoptable, refused } = search((certificatePem, caPem) => {
      assert.equal(certificatePem, 'tls.crt of vol-1');
      assert.equal(caPem, 'ca.crt of vol-1');
      return facts;
    });
    assert.deepEqual(refused, []);
    const [volume] = adoptable;
    assert.deepEqual(volume?.record, {
      volumeId: 'vol-1',
      targetPath: targetOf('vol-1'),
      attributes: { 'csi.cert-manager.io/issuer-name': 'ca' },
      volumeMountGroup: '2000',
      createdAt: new Date(clock.now()),
      phase: 'published',
      generation: 1,
      issued: {
        ...facts,
        requestName: undefined,
        issuedAt: statSync(join(directoryOf('vol-1'), 'data', payloadName)).mtime,
        renewAt: new Date('2026-12-14T00:00:00Z'),
      },
    });
    assert.equal(volume.secrets.pkcs12Password?.reveal(), 'hunter2');
    assert.equal(volume.secrets.serviceAccountTokens?.reveal(), '{"":{"token":"t"}}');
  });

  test('are renewed in place, and the pod sees it through its old mount', async () => {
    layOut('vol-1');
    await mountAtTarget('vol-1');
    const store = openStore();
    for (const { record, secrets } of search().adoptable) store.adopt(record, secrets);
    assert.deepEqual(search(), { adoptable: [], refused: [] });
    assert.equal(readFileSync(join(targetOf('vol-1'), 'tls.key'), 'utf8'), 'tls.key of vol-1');
    store.writePayload('vol-1', new Map([['tls.key', Buffer.from('renewed')]]), { gid: 2000 });
    assert.equal(readFileSync(join(targetOf('vol-1'), 'tls.key'), 'utf8'), 'renewed');
    assert.deepEqual(
      readdirSync(targetOf('vol-1')).filter((name) => !name.startsWith('..')),
      ['tls.key'],
    );
    assert.equal(store.dataPath('vol-1'), join(directoryOf('vol-1'), 'data'));
    assert.doesNotMatch(readFileSync(join(directoryOf('vol-1'), 'certfleet.json'), 'utf8'), /hunter2|token/);
  });

  test('are restored after a restart from certfleet’s own record, not from csi-driver’s metadata', async () => {
    layOut('vol-1');
    await mountAtTarget('vol-1');
    const [volume] = search().adoptable;
    const { record, secrets } = found(volume);
    openStore().adopt(record, secrets);
    const renewed = { ...record, generation: 2 };
    openStore().writeRecord(renewed);
    writeFileSync(join(directoryOf('vol-1'), 'metadata.json'), '{"torn');
    assert.deepEqual(search(), { adoptable: [], refused: [] });
    const [listed] = openStore().list().records;
    assert.equal(listed?.generation, 2);
    assert.equal(openStore().readSecrets('vol-1').pkcs12Password?.reveal(), 'hunter2');
  });

  test('can be returned to csi-driver: its metadata is complete and includes the renewal', async () => {
    layOut('vol-1', { unknownField: { kept: true } });
    await mountAtTarget('vol-1');
    const { record, secrets } = found(search().adoptable[0]);
    const store = openStore();
    store.adopt(record, secrets);
    const renewAt = new Date('2027-01-14T00:00:00Z');
    store.writeRecord({ ...record, generation: 2, issued: { ...found(record.issued), renewAt } });
    const path = join(directoryOf('vol-1'), 'metadata.json');
    const metadata = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    assert.equal(metadata['nextIssuanceTime'], '2027-01-14T00:00:00.000Z');
    assert.equal(metadata['volumeID'], 'vol-1');
    assert.deepEqual(metadata['unknownField'], { kept: true });
    assert.deepEqual(
      found(metadata['volumeContext'] as Record<string, string>)['csi.cert-manager.io/pkcs12-password'],
      'hunter2',
    );
    assert.equal(statSync(path).mode & 0o7777, 0o600);
  });

  test('that were never issued are adopted and issued at once', async () => {
    layOut('no-time', { nextIssuanceTime: undefined });
    layOut('year-one', { nextIssuanceTime: '0001-01-01T00:00:00Z' });
    for (const id of ['no-time', 'year-one']) await mountAtTarget(id);
    const volumes = search().adoptable.map(({ record: { generation, issued } }) => ({ generation, issued }));
    assert.deepEqual(volumes, Array(2).fill({ generation: 0, issued: undefined }));
  });

  test('keep the encryption of their keystore, whatever the attributes request', async () => {
    const enabled = { 'csi.cert-manager.io/pkcs12-enable': 'true', 'csi.cert-manager.io/pkcs12-profile': 'Modern2023' };
    layOut('keystore', { volumeContext: enabled });
    layOut('plain');
    for (const id of ['keystore', 'plain']) await mountAtTarget(id);
    const profiles = search().adoptable.map(({ record }) => record.attributes['csi.cert-manager.io/pkcs12-profile']);
    assert.deepEqual(profiles.sort(), ['LegacyDES', undefined]);
  });

  test('that contain no certificate are adopted and issued at once', async () => {
    layOut('no-files');
    rmSync(join(directoryOf('no-files'), 'data', '..data'));
    layOut('other-name', { volumeContext: { 'csi.cert-manager.io/certificate-file': 'cert.pem' } });
    layOut('rubbish');
    for (const id of ['no-files', 'other-name', 'rubbish']) await mountAtTarget(id);
    const { adoptable, refused } = search(() => {
      throw new Error('not a certificate');
    });
    assert.deepEqual(refused, []);
    assert.equal(adoptable.length, 3);
    for (const { record } of adoptable) {
      assert.equal(record.issued, undefined, record.volumeId);
      assert.equal(record.generation, 0);
    }
  });

  test('that are damaged, foreign or not mounted are reported and left unchanged', async () => {
    for (const id of ['torn', 'misnamed', 'relative', 'elsewhere', 'unmounted', 'plain', 'whole']) layOut(id);
    writeFileSync(
      join(directoryOf('torn'), 'metadata.json'),
      '{"volumeID":"torn","volumeContext":{"password":"hunter2',
    );
    layOutMetadata('misnamed', { volumeID: '../../etc', targetPath: targetOf('misnamed') });
    layOutMetadata('relative', { volumeID: 'relative', targetPath: '../x' });
    for (const id of ['torn', 'misnamed', 'relative', 'whole']) await mountAtTarget(id);
    await mountAtTarget('elsewhere', 'whole');
    mkdirSync(targetOf('plain'), { recursive: true });
    mkdirSync(directoryOf('empty'));
    writeFileSync(directoryOf('a-file'), '');
    const before = readdirSync(join(upstreamDirectory, 'inmemfs'));
    const { adoptable, refused } = search();
    assert.deepEqual(
      adoptable.map(({ record }) => record.volumeId),
      ['whole'],
    );
    const reasons = Object.fromEntries(refused.map(({ path, reason }) => [path.split('/').at(-1) ?? '', reason]));
    assert.match(reasons['torn'] ?? '', /not JSON/);
    assert.doesNotMatch(JSON.stringify(refused), /hunter2/);
    assert.match(reasons['misnamed'] ?? '', /another volume/);
    assert.match(reasons['relative'] ?? '', /targetPath: expected an absolute path/);
    assert.match(reasons['elsewhere'] ?? '', /bind-mounted at .* found another mount/);
    assert.match(reasons['unmounted'] ?? '', /found no mount/);
    assert.match(reasons['plain'] ?? '', /found no mount/);
    assert.match(reasons['empty'] ?? '', /expected metadata.json in it/);
    assert.match(reasons['a-file'] ?? '', /expected a directory/);
    assert.equal(refused.length, 8);
    assert.deepEqual(readdirSync(join(upstreamDirectory, 'inmemfs')), before);
    const { records, damaged } = openStore().list();
    assert.deepEqual({ records, damaged }, { records: [], damaged: [] });
    assert.throws(() => openStore().writePayload('torn', new Map(), {}), { code: 'not-found' });
  });

  const layOutMetadata = (volumeId: string, metadata: object): void =>
    writeFileSync(join(directoryOf(volumeId), 'metadata.json'), JSON.stringify(metadata));

  test('after a crash at any step of an adoption are adopted completely or found again', async () => {
    layOut('vol-1');
    await mountAtTarget('vol-1');
    const { record, secrets } = found(search().adoptable[0]);
    const outcomes = new Set<string>();
    crashAtEachStep(
      (files) => openStore(files).adopt(record, secrets),
      (step) => {
        const { records, damaged } = openStore().list();
        assert.deepEqual(damaged, []);
        // Without a record the search finds it again; until then nothing else in it changes.
        assert.equal(existsSync(join(directoryOf('vol-1'), 'certfleet.json')), records.length === 1, `step ${step}`);
        outcomes.add(records.length === 1 ? 'adopted' : 'found again');
        if (records.length === 1) assert.ok(openStore().readSecrets('vol-1').pkcs12Password);
        rmSync(join(directoryOf('vol-1'), 'certfleet.json'), { force: true });
      },
    );
    assert.deepEqual([...outcomes], ['found again', 'adopted']);
    assert.equal(search().adoptable.length, 1);
  });

  test('are found below a kubelet directory that is a symbolic link, and so is the driver’s own', async () => {
    const [realPods, realData] = [join(scratch, 'real-pods'), join(scratch, 'real-data')];
    mkdirSync(realPods);
    symlinkSync(realPods, join(scratch, 'pods'));
    layOut('vol-1');
    await mountAtTarget('vol-1');
    symlinkSync(upstreamDirectory, realData);
    const linked = found(findUpstreamLayout(realData, ownRoot()));
    const { adoptable, refused } = findUpstreamVolumes(linked, { inspect: () => facts, clock });
    assert.deepEqual([adoptable.length, refused], [1, []]);
  });

  test('are removed with their keys when the kubelet unpublishes them, adopted or not', async () => {
    for (const id of ['vol-1', 'vol-2']) {
      layOut(id);
      await mountAtTarget(id);
    }
    const store = openStore();
    const { record, secrets } = found(search().adoptable.find((volume) => volume.record.volumeId === 'vol-1'));
    store.adopt(record, secrets);
    for (const id of ['vol-1', 'vol-2']) {
      await mounter.unmount(targetOf(id));
      store.remove(id);
    }
    assert.deepEqual(readdirSync(join(upstreamDirectory, 'inmemfs')), []);
    assert.throws(() => store.writeRecord(record), { code: 'not-found' });
  });

  test('do not affect where new volumes are created', async () => {
    layOut('vol-1');
    await mountAtTarget('vol-1');
    const { record, secrets } = found(search().adoptable[0]);
    const store = openStore();
    store.adopt(record, secrets);
    assert.throws(() => store.create(record, secrets), { code: 'already-exists' });
    store.create({ ...record, volumeId: 'vol-2' }, {});
    assert.deepEqual(readdirSync(join(scratch, 'own')), ['vol-2']);
    assert.equal(store.list().records.length, 2);
  });

  test('are not searched if csi-driver never ran, or its tmpfs is gone', async () => {
    assert.equal(findUpstreamLayout(join(scratch, 'missing'), ownRoot()), undefined);
    await mounter.unmount(join(upstreamDirectory, 'inmemfs'));
    const disk = { ...systemFiles, statfsSync: (() => ({ type: 0xef53 })) as unknown as typeof systemFiles.statfsSync };
    assert.equal(findUpstreamLayout(upstreamDirectory, ownRoot(), disk), undefined);
  });
});

function found<T>(value: T | undefined): T {
  assert.ok(value !== undefined, 'expected a value');
  return value;
}
