import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { writeTestCertificate } from '../../../libs/shared/src/testing/test-certificate.ts';
import type { TestCertificate } from '../../../libs/shared/src/testing/test-certificate.ts';
import { waitUntil } from '../../cluster/wait.ts';
import { VolumeReader } from './volume-reader.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'certfleet-reader-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const cluster = { nodePath: (path: string): string => join(root, path) };
const pod = {
  metadata: { name: 'web', namespace: 'apps', uid: 'uid' },
  spec: { containers: [], volumes: [{ name: 'data', csi: { driver: 'csi.cert-manager.io' } }] },
};
const mount = (): string => join(root, 'var/lib/kubelet/pods/uid/volumes/kubernetes.io~csi/data/mount');

/** Replaces the current payload like the agent. @returns the path of its certificate */
function swap(name: string, keyOf = name): string {
  const made = (of: string): TestCertificate => {
    mkdirSync(join(root, of), { recursive: true });
    return writeTestCertificate(join(root, of));
  };
  const { certificateFile, keyFile } = made(name);
  const set = join(mount(), `..${name}`);
  mkdirSync(set, { recursive: true });
  for (const target of ['tls.crt', 'ca.crt']) copyFileSync(certificateFile, join(set, target));
  copyFileSync(keyOf === name ? keyFile : made(keyOf).keyFile, join(set, 'tls.key'));
  symlinkSync(`..${name}`, join(mount(), '..link'));
  renameSync(join(mount(), '..link'), join(mount(), '..data'));
  return certificateFile;
}

/** Reads the pod's volume at least once more. */
async function read(reader: VolumeReader): Promise<void> {
  const { rounds } = reader;
  // The current round may already have passed the pod.
  const isRead = (): Promise<boolean> => Promise.resolve(reader.rounds > rounds + 1);
  await waitUntil('the next round', isRead, { timeoutMs: 10_000 });
}

describe('VolumeReader', () => {
  test('sees each certificate once, and no problem if key and CA match', async () => {
    swap('first');
    const reader = new VolumeReader(cluster);
    reader.add(pod);
    await read(reader);
    swap('second');
    await read(reader);
    await reader.stop();
    assert.equal(reader.seenBy('web').length, 2);
    assert.deepEqual(reader.problems, []);
  });

  test('detects a mismatched key or CA, an expired certificate and a missing one', async () => {
    const problemsWith = async (now = Date.now): Promise<string> => {
      const reader = new VolumeReader(cluster, now);
      reader.add(pod);
      await read(reader);
      await reader.stop();
      return reader.problems.join();
    };
    assert.match(await problemsWith(), /ENOENT/);
    swap('first', 'other');
    assert.match(await problemsWith(), /key does not match/);
    const other = swap('second');
    const third = swap('third');
    copyFileSync(other, join(mount(), '..third/ca.crt'));
    assert.match(await problemsWith(), /ca\.crt does not match/);
    copyFileSync(third, join(mount(), '..third/ca.crt'));
    assert.match(await problemsWith(() => Date.now() + 10 * 86_400_000), /has expired/);
    assert.equal(await problemsWith(), '');
  });
});
