import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { systemClock } from '@certfleet/shared/clock.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { generatePrivateKey } from '../crypto/private-key.ts';
import { openLocalCa } from '../issuance/local-ca.ts';
import { LocalCaIssuer } from '../issuance/local-ca-issuer.ts';
import { AgentMetrics } from '../observability/agent-metrics.ts';
import { splitSecrets } from '../storage/secret-attributes.ts';
import { ownLayout } from '../storage/volume-layout.ts';
import type { VolumeLayout } from '../storage/volume-layout.ts';
import type { VolumeRecord, VolumeSecrets } from '../storage/volume-record.ts';
import { VolumeStore } from '../storage/volume-store.ts';
import { keystorePassword } from './keystore-password.ts';
import type { ManagedVolume } from './managed-volume.ts';
import { volumeParser } from './parse-volume.ts';
import { FakeMounter } from './testing/fake-mounter.ts';
import { recoverVolumes } from './recover-volumes.ts';
import { VolumeIssuance } from './volume-issuance.ts';
import { VolumeReporter } from './volume-reporter.ts';

const notRoot = process.getuid?.() !== 0 && 'owners of files need root';
const volumeId = 'csi-1';
const noAbort = new AbortController().signal;
const madeHere = { 'pkcs12-password-file': 'keystore.pass' };
const chosen = { 'pkcs12-password': 'changeit' };

describe("a keystore's password", { skip: notRoot }, () => {
  let root: string;
  let own: VolumeLayout;
  let adopted: VolumeLayout;
  let issuance: VolumeIssuance;
  let log: string;
  let reporter: VolumeReporter;

  beforeEach(async () => {
    root = mkdtempSync('/dev/shm/certfleet-password-');
    own = ownLayout(join(root, 'own'));
    adopted = { ...own, root: join(root, 'adopted'), recordFile: 'ours.json', exclusive: false };
    for (const layout of [own, adopted]) mkdirSync(layout.root);
    log = '';
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        log += chunk.toString();
        done();
      },
    });
    reporter = new VolumeReporter(
      createLogger(5, sink),
      new AgentMetrics(() => assert.fail('nobody reads the metrics')),
      (_pod, event) => (log += JSON.stringify(event)),
    );
    const ca = await openLocalCa(join(root, 'ca'), new Date());
    issuance = new VolumeIssuance({
      dependencies: {
        issuer: new LocalCaIssuer(ca, systemClock),
        takeKey: generatePrivateKey,
        awaitGates: () => Promise.resolve(),
        clock: systemClock,
        observePhase: () => undefined,
      },
      useTokenRequest: false,
      reporter,
      observeWrite: () => undefined,
    });
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const openStore = (): VolumeStore => VolumeStore.open({ own, adopted, clock: systemClock });

  /** What the kubelet's call leaves on the node for a volume with a keystore. */
  function describeVolume(ours: Record<string, string>): { record: VolumeRecord; secrets: VolumeSecrets } {
    const named = Object.entries({ 'issuer-name': 'ca', 'key-algorithm': 'ECDSA', 'pkcs12-enable': 'true', ...ours });
    const { attributes, secrets } = splitSecrets({
      'csi.storage.k8s.io/pod.name': 'web',
      'csi.storage.k8s.io/pod.namespace': 'shop',
      'csi.storage.k8s.io/pod.uid': 'uid-1',
      'csi.storage.k8s.io/serviceAccount.name': 'web',
      ...Object.fromEntries(named.map(([name, value]) => [`csi.cert-manager.io/${name}`, value])),
    });
    const createdAt = new Date();
    const target = { targetPath: join(root, 'target'), volumeMountGroup: '', phase: 'created' } as const;
    return { record: { volumeId, attributes, createdAt, generation: 0, ...target }, secrets };
  }

  /** The volume as an agent that starts now finds it. */
  async function restart(): Promise<ManagedVolume> {
    const parseVolume = volumeParser(3_600_000, reporter);
    const store = openStore();
    const mounter = new FakeMounter();
    const found = await recoverVolumes({ store, adopted: undefined, mounter, parseVolume, clock: systemClock });
    assert.deepEqual(found.damaged, []);
    const [volume] = found.volumes;
    return volume ?? assert.fail('found no volume');
  }

  /** Has openssl open the pod's keystore: with a file of the volume, or with a password. */
  function openKeystore({ store }: ManagedVolume, passwordSource: string): void {
    const data = store.dataPath(volumeId);
    const password = passwordSource.replace('file:', `file:${data}/`);
    execFileSync('openssl', ['pkcs12', '-noout', '-in', join(data, 'keystore.p12'), '-passin', password]);
  }

  const shown = ({ store }: ManagedVolume): string =>
    store.readPayload(volumeId).get('keystore.pass')?.toString() ?? '';

  test('is made once, and stays the same through renewals and restarts', async () => {
    const { record, secrets } = describeVolume(madeHere);
    openStore().create(record, secrets);
    const volume = await restart();
    await issuance.issue(volume, 'mount', noAbort);
    const password = shown(volume);
    assert.match(password, /^[0-9a-f]{32}$/);
    openKeystore(volume, 'file:keystore.pass');
    // As its mount does, which writes the record of the first certificate.
    volume.record = { ...volume.record, phase: 'published' };
    await issuance.issue(volume, 'deadline', noAbort);
    assert.equal(shown(volume), password);
    const restarted = await restart();
    await issuance.issue(restarted, 'deadline', noAbort);
    assert.equal(restarted.record.generation, 3);
    assert.equal(shown(restarted), password);
    openKeystore(restarted, 'file:keystore.pass');
  });

  test('is told to nobody but the pod: no record, no log line, no Event', async () => {
    const { record, secrets } = describeVolume(madeHere);
    openStore().create(record, secrets);
    const volume = await restart();
    await issuance.issue(volume, 'mount', noAbort);
    const password = shown(volume);
    const fileOf = (name: string): string => readFileSync(join(own.root, volumeId, name), 'utf8');
    assert.ok(fileOf('secret.json').includes(password));
    assert.ok(!fileOf('volume.json').includes(password));
    assert.match(log, /certificate issued/);
    assert.ok(!log.includes(password));
  });

  test('is kept before any file shows it', async () => {
    const { record, secrets } = describeVolume(madeHere);
    openStore().create(record, secrets);
    const password = keystorePassword(await restart()).reveal();
    assert.equal(keystorePassword(await restart()).reveal(), password);
  });

  test('is another one in each volume', async () => {
    const { record, secrets } = describeVolume(madeHere);
    const passwords: string[] = [];
    while (passwords.length < 2) {
      openStore().create(record, secrets);
      const volume = await restart();
      passwords.push(keystorePassword(volume).reveal());
      volume.store.remove(volumeId);
    }
    assert.notEqual(passwords[0], passwords[1]);
  });

  test('is the one that the user chose, also after a restart', async () => {
    const { record, secrets } = describeVolume(chosen);
    openStore().create(record, secrets);
    const volume = await restart();
    await issuance.issue(volume, 'mount', noAbort);
    openKeystore(volume, 'pass:changeit');
    assert.equal(shown(volume), '');
  });

  test('is the one that the user chose in a volume that was taken over', async () => {
    mkdirSync(join(adopted.root, volumeId, 'data'), { recursive: true });
    const { record, secrets } = describeVolume(chosen);
    openStore().adopt(record, secrets);
    const volume = await restart();
    await issuance.issue(volume, 'deadline', noAbort);
    openKeystore(volume, 'pass:changeit');
  });
});
