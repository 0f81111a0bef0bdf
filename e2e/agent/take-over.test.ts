import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CsiClient } from '@certfleet/csi-client/csi-client.ts';
import { waitUntil } from '../cluster/wait.ts';
import { AgentProcess } from './agent-process.ts';
import { UpstreamDirectory } from './peer-directory.ts';
import { cannotMount, TestNode } from './test-node.ts';
import { readVolume } from './volume-files.ts';

test(
  'takes over volumes that the upstream driver left mounted, in place, and ignores other files',
  { skip: cannotMount },
  async () => {
    const node = new TestNode();
    after(() => node.remove());
    const peer = new UpstreamDirectory(node.root);
    const adopted = node.volume('adopted', { duration: '1h' });
    const torn = node.volume('torn');
    const unmounted = node.volume('unmounted');
    for (const volume of [adopted, torn, unmounted]) peer.layOut(volume, new Date(Date.now() - 1_000));
    for (const volume of [adopted, torn]) peer.mount(volume);
    const tornMetadata = join(peer.directoryOf(torn.volumeId), 'metadata.json');
    writeFileSync(tornMetadata, readFileSync(tornMetadata, 'utf8').slice(0, 100));
    mkdirSync(peer.directoryOf('foreign'));
    writeFileSync(join(peer.directoryOf('foreign'), 'notes.txt'), 'not a volume');
    const leftAlone = [torn.volumeId, unmounted.volumeId, 'foreign'];
    const before = leftAlone.map((name) => peer.fingerprint(name));
    const upstreamSerial = readVolume(adopted.targetPath).certificate.serialNumber;
    const data = join(peer.directoryOf(adopted.volumeId), 'data');
    const flags = [`--adopt-from=${peer.path}`];
    const assertLeftAlone = async (agent: AgentProcess): Promise<void> => {
      assert.deepEqual(
        leftAlone.map((name) => peer.fingerprint(name)),
        before,
      );
      assert.equal(await agent.metric('damaged_volumes'), 3);
      const reported = agent.logLines('volume set aside').map(({ path }) => String(path).split('/').at(-1));
      assert.deepEqual(reported.sort(), [...leftAlone].sort());
    };

    const first = await AgentProcess.start(node, { flags });
    after(() => first.kill());
    const serial = (): string => readVolume(adopted.targetPath).certificate.serialNumber;
    await waitUntil('the first renewal', () => Promise.resolve(serial() !== upstreamSerial), { timeoutMs: 20_000 });
    assert.equal(statSync(adopted.targetPath).ino, statSync(data).ino, 'renewed in place');
    assert.equal(readVolume(adopted.targetPath).certificate.issuer, 'CN=certfleet local CA');
    await assertLeftAlone(first);
    const renewed = serial();
    await first.kill();

    const second = await AgentProcess.start(node, { flags });
    after(() => second.kill());
    assert.equal(second.logLines('volumes restored')[0]?.['adopted'], 0);
    assert.equal(second.logLines('volumes restored')[0]?.['volumes'], 1);
    assert.equal(serial(), renewed, 'a restart issues nothing');
    assert.equal(await second.metric('issuances_total'), 0);
    await assertLeftAlone(second);

    const client = new CsiClient(node.socketPath);
    after(() => client.close());
    const fresh = node.volume('fresh');
    await client.publish(fresh);
    assert.deepEqual(node.stored(), [fresh.volumeId], "a new pod’s volume is created in certfleet's own data root");
    await client.publish(adopted);
    assert.equal(serial(), renewed, 'a republish changes nothing');
    await client.unpublish(adopted);
    assert.ok(!existsSync(adopted.targetPath));
    assert.ok(!existsSync(peer.directoryOf(adopted.volumeId)));
    assert.ok(!node.mountPoints().includes(adopted.targetPath));
    await client.unpublish(torn);
    assert.ok(!existsSync(peer.directoryOf(torn.volumeId)), 'the key of a removed pod is deleted too');
    assert.equal(await second.stop(), 0);
  },
);
