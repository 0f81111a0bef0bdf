// The chart's value for the host directory changes while pods with certificates run.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { CsiClient } from '@certfleet/csi-client/csi-client.ts';
import type { InlineVolume } from '@certfleet/csi-client/csi-client.ts';
import { waitUntil } from '../cluster/wait.ts';
import { AgentProcess } from './agent-process.ts';
import { cannotMount, TestNode } from './test-node.ts';
import { readVolume } from './volume-files.ts';

const long = { duration: '1h' };

/** A pod's volume in the kubelet's layout, with vol_data.json of the driver. */
function kubeletVolume(
  node: TestNode,
  name: string,
  lifetime: Readonly<Record<string, string>>,
  driverName = 'csi.cert-manager.io',
): InlineVolume {
  const podUid = randomUUID();
  const targetPath = join(node.root, 'pods', podUid, 'volumes/kubernetes.io~csi/tls/mount');
  mkdirSync(dirname(targetPath), { recursive: true });
  writeFileSync(join(dirname(targetPath), 'vol_data.json'), JSON.stringify({ driverName }));
  return node.volume(name, lifetime, { targetPath, podUid });
}

async function publish(node: TestNode, agent: AgentProcess, ...volumes: readonly InlineVolume[]): Promise<void> {
  const client = new CsiClient(node.socketPath);
  try {
    for (const volume of volumes) await client.publish(volume);
  } catch (error) {
    throw new Error(agent.output, { cause: error });
  } finally {
    client.close();
  }
}

const serialIn = ({ targetPath }: InlineVolume): string => readVolume(targetPath).certificate.serialNumber;
const mountsIn = async (agent: AgentProcess): Promise<readonly number[]> => [
  await agent.metric('pod_mounts', 'state="matched"'),
  await agent.metric('pod_mounts', 'state="missing"'),
  await agent.metric('pod_mounts', 'state="unknown"'),
];

describe('the data root', () => {
  test(
    'an agent with another data directory refuses to start while volumes of running pods exist',
    { skip: cannotMount },
    async () => {
      const node = new TestNode();
      after(() => node.remove());
      const volume = kubeletVolume(node, 'web', long);
      const first = await AgentProcess.start(node);
      await publish(node, first, volume);
      assert.deepEqual(await mountsIn(first), [1, 0, 0]);
      const lost = kubeletVolume(node, 'lost', long);
      await publish(node, first, lost);
      execFileSync('umount', [lost.targetPath]);
      assert.deepEqual(
        await mountsIn(first),
        [1, 1, 0],
        'a published volume that is not mounted in its pod is missing',
      );
      await first.stop();
      const serial = serialIn(volume);

      const { exitCode, output } = await AgentProcess.runToEnd(node, { flags: [`--data-root=${node.root}/moved`] });
      assert.notEqual(exitCode, 0);
      assert.match(output, /found 1 volumes of running pods in another data directory/);
      assert.match(output, /chart value app\.driver\.csiDataDir.*app\.driver\.previousDataDirs/);
      assert.equal(serialIn(volume), serial);

      // Another driver on the same node must ignore these pods.
      const flags = [`--data-root=${node.root}/other`, '--driver-name=csi.example.com'];
      const other = await AgentProcess.start(node, { flags });
      after(() => other.kill());
      assert.deepEqual(await mountsIn(other), [0, 0, 0]);
      await other.stop();
    },
  );

  test(
    'an agent with the former directory configured renews volumes that pods have mounted from it',
    { skip: cannotMount },
    async () => {
      const node = new TestNode();
      after(() => node.remove());
      const volume = kubeletVolume(node, 'web', { duration: '20s', 'renew-before': '16s' });
      const former = join(node.root, 'data');
      const first = await AgentProcess.start(node);
      await publish(node, first, volume);
      await first.stop();
      const serial = serialIn(volume);
      const { ino } = statSync(volume.targetPath);

      // A failed first start without the former directory must not block a second one with it.
      const dataRoot = `--data-root=${node.root}/moved`;
      await AgentProcess.runToEnd(node, { flags: [dataRoot] });
      const flags = [dataRoot, `--previous-data-root=${node.root}/never`, `--previous-data-root=${former}`];
      const second = await AgentProcess.start(node, { flags });
      after(() => second.kill());
      await waitUntil('the renewal', () => Promise.resolve(serialIn(volume) !== serial), {
        timeoutMs: 90_000,
        explain: () => Promise.resolve(second.output),
      });
      assert.equal(statSync(volume.targetPath).ino, ino, 'renewed in place');
      assert.deepEqual(await mountsIn(second), [1, 0, 0]);
      assert.ok(existsSync(join(node.root, 'moved/certfleet', volume.volumeId)));
      await second.stop();

      // From now on this is the directory, with or without the former one in the flags.
      const third = await AgentProcess.start(node, { flags: [dataRoot] });
      after(() => third.kill());
      assert.deepEqual(await mountsIn(third), [1, 0, 0]);
      const client = new CsiClient(node.socketPath);
      after(() => client.close());
      await client.unpublish(volume);
      assert.deepEqual(await mountsIn(third), [0, 0, 0]);
      assert.equal(await third.stop(), 0);
    },
  );

  test(
    'volumes of a lost directory are counted, never mounted over, and removed with their pods',
    { skip: cannotMount },
    async () => {
      const node = new TestNode();
      after(() => node.remove());
      const volume = kubeletVolume(node, 'web', long);
      const first = await AgentProcess.start(node);
      await publish(node, first, volume);
      await first.stop();
      const serial = serialIn(volume);

      const second = await AgentProcess.start(node, {
        flags: [`--data-root=${node.root}/moved`, '--ignore-foreign-volumes'],
      });
      after(() => second.kill());
      assert.deepEqual(await mountsIn(second), [0, 0, 1]);
      const client = new CsiClient(node.socketPath);
      after(() => client.close());
      await assert.rejects(client.publish(volume), /FAILED_PRECONDITION.*does not know.*restart the pod/s);
      assert.equal(serialIn(volume), serial);
      const fresh = kubeletVolume(node, 'fresh', long);
      await client.publish(fresh);
      assert.deepEqual(await mountsIn(second), [1, 0, 1]);
      await client.unpublish(volume);
      assert.ok(!existsSync(volume.targetPath));
      assert.deepEqual(await mountsIn(second), [1, 0, 0]);
      assert.equal(await second.stop(), 0);
    },
  );

  test('a mounted tmpfs gets the size that a later start requests', { skip: cannotMount }, async () => {
    const node = new TestNode();
    after(() => node.remove());
    const sizeOf = (): number =>
      Number(execFileSync('findmnt', ['--bytes', '--noheadings', '--output', 'SIZE', node.storePath]));
    const volume = kubeletVolume(node, 'web', long);
    for (const [size, bytes] of [
      ['64Mi', 64 * 2 ** 20],
      ['100M', 1e8],
      ['32Mi', 32 * 2 ** 20],
    ] as const) {
      const agent = await AgentProcess.start(node, { flags: [`--tmpfs-size=${size}`] });
      if (size === '64Mi') await publish(node, agent, volume);
      await agent.stop();
      // Rounded to whole pages.
      assert.ok(Math.abs(sizeOf() - bytes) < 4096, size);
    }
    // Less than the used size: the tmpfs keeps its size and its volumes.
    const agent = await AgentProcess.start(node, { flags: ['--tmpfs-size=1'] });
    after(() => agent.kill());
    assert.match(agent.output, /keeping its size/);
    assert.equal(sizeOf(), 32 * 2 ** 20);
    assert.deepEqual(await mountsIn(agent), [1, 0, 0]);
    assert.equal(await agent.stop(), 0);
  });
});
