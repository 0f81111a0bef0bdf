import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Secret } from '@certfleet/shared/secret.ts';
import { deleteHandOver, handOverLayout } from './hand-over.ts';
import { parseUpstreamMetadata } from './upstream-metadata.ts';
import type { UpstreamMetadata } from './upstream-metadata.ts';
import type { IssuedFacts, VolumeRecord } from './volume-record.ts';
import { VolumeStore } from './volume-store.ts';

const clock = { now: () => Date.parse('2026-11-24T09:00:00Z') };
const issued: IssuedFacts = {
  serialNumber: '0a',
  fingerprintSha256: 'ff',
  notBefore: new Date('2026-11-24T00:00:00Z'),
  notAfter: new Date('2026-12-24T00:00:00Z'),
  caFingerprintsSha256: [],
  requestName: 'request',
  issuedAt: new Date('2026-11-24T00:00:00Z'),
  renewAt: new Date('2026-12-14T00:00:00Z'),
};
const record: VolumeRecord = {
  volumeId: 'csi-1',
  targetPath: '/var/lib/kubelet/pods/1/mount',
  attributes: { 'csi.cert-manager.io/issuer-name': 'ca', 'csi.cert-manager.io/pkcs12-password-file': 'password' },
  volumeMountGroup: '2000',
  createdAt: new Date(clock.now()),
  phase: 'created',
  generation: 0,
  issued: undefined,
};

describe('handOverLayout', () => {
  let root: string;
  let store: VolumeStore;
  const path = (): string => join(root, 'csi-1/metadata.json');
  const metadata = (): UpstreamMetadata => parseUpstreamMetadata(readFileSync(path(), 'utf8'));

  beforeEach(() => {
    root = mkdtempSync('/dev/shm/certfleet-hand-over-');
    store = VolumeStore.open({ own: handOverLayout(root), clock });
    store.create(record, {
      pkcs12Password: new Secret('of-keystore'),
      jksPassword: new Secret('of-java'),
      serviceAccountTokens: new Secret('{"":{"token":"t"}}'),
    });
  });
  afterEach(() => rmSync(root, { recursive: true }));

  test('writes the metadata of csi-driver, with the secrets that csi-driver uses', () => {
    store.writeRecord({ ...record, phase: 'published', generation: 1, issued });
    assert.deepEqual(metadata(), {
      volumeId: 'csi-1',
      targetPath: record.targetPath,
      nextIssuanceTime: issued.renewAt,
      volumeContext: {
        ...record.attributes,
        'csi.cert-manager.io/pkcs12-password': 'of-keystore',
        'csi.storage.k8s.io/serviceAccount.tokens': '{"":{"token":"t"}}',
      },
      volumeMountGroup: '2000',
    });
    assert.equal(statSync(path()).mode & 0o777, 0o600);
  });

  test('has csi-driver issue a published volume that waits for its certificate, but not a volume without a pod', () => {
    const written = (): unknown =>
      (JSON.parse(readFileSync(path(), 'utf8')) as Record<string, unknown>)['nextIssuanceTime'];
    store.writeRecord(record);
    assert.equal(written(), undefined);
    store.writeRecord({ ...record, phase: 'published' });
    assert.equal(written(), '0001-01-01T00:00:00Z');
    assert.equal(metadata().nextIssuanceTime, undefined);
  });

  test('ends for the volumes of the agent, and keeps those of csi-driver', () => {
    store.writeRecord(record);
    assert.equal(deleteHandOver(root), true);
    assert.ok(!existsSync(path()));
    mkdirSync(join(root, 'csi-2'));
    writeFileSync(join(root, 'csi-2/metadata.json'), '{}');
    assert.equal(deleteHandOver(root), false);
    assert.ok(existsSync(join(root, 'csi-2/metadata.json')));
  });
});
