import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { CsiClient } from '@certfleet/csi-client/csi-client.ts';
import { NodePublishVolumeRequest, NodeUnpublishVolumeRequest } from '../../apps/node-agent/gen/csi/v1/csi.ts';
import { waitUntil } from '../cluster/wait.ts';
import { continuedVolumes, publishVolume, renewVolume, unpublishVolume } from './peer-volume.ts';
import { AgentProcess } from './agent-process.ts';
import { createCertificate, UpstreamDirectory } from './peer-directory.ts';
import { cannotMount, TestNode } from './test-node.ts';
import { readVolume } from './volume-files.ts';

describe('an agent beside the upstream driver', () => {
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

  test('hands running volumes over to the upstream driver, and takes them back', { skip: cannotMount }, async () => {
    const node = new TestNode();
    after(() => node.remove());
    const dataRoot = join(node.root, 'data');
    const upstreamRoot = join(dataRoot, 'inmemfs');
    const certificates = join(node.root, 'upstream-certificates');
    for (const name of ['renewed', 'new']) createCertificate(join(certificates, name), name);
    const upstream = { dataRoot, certificates };
    const client = new CsiClient(node.socketPath);
    after(() => client.close());
    const serialOf = ({ targetPath }: { targetPath: string }): string =>
      readVolume(targetPath).certificate.serialNumber;

    const early = node.volume('early', { duration: '1h' });
    const keystore = { 'pkcs12-enable': 'true', 'pkcs12-password-file': 'password.txt' };
    const stored = node.volume('stored', { duration: '1h', ...keystore });
    const plain = await AgentProcess.start(node);
    after(() => plain.kill());
    await client.publish(early);
    assert.equal(await plain.stop(), 0);
    const first = await AgentProcess.start(node, { flags: ['--hand-over'] });
    after(() => first.kill());
    await client.publish(stored);
    mkdirSync(join(node.storePath, '..removed-gone'));
    const before = [early, stored].map((volume) => readVolume(volume.targetPath));
    const renewAt = [early, stored].map((volume) => node.recordOf(volume)?.issued?.renewAt);
    const password = readFileSync(join(stored.targetPath, 'password.txt'), 'utf8').trim();
    assert.equal(await first.stop(), 0);

    const continued = new Map(continuedVolumes(dataRoot).map((metadata) => [metadata.volumeID, metadata]));
    assert.deepEqual([...continued.keys()].sort(), [early.volumeId, stored.volumeId].sort());
    assert.deepEqual(node.stored(), [early.volumeId, stored.volumeId].sort(), 'entries without metadata are deleted');
    for (const [index, volume] of [early, stored].entries()) {
      const metadata = continued.get(volume.volumeId);
      assert.equal(metadata?.targetPath, volume.targetPath);
      assert.equal(metadata.nextIssuanceTime, renewAt[index]);
      assert.partialDeepStrictEqual(metadata.volumeContext, volume.volumeContext);
      assert.equal(statSync(join(upstreamRoot, volume.volumeId, 'metadata.json')).mode & 0o777, 0o600);
      const now = readVolume(volume.targetPath);
      assert.deepEqual([now.keyPem, now.certificate.raw], [before[index]?.keyPem, before[index]?.certificate.raw]);
    }
    const metadata = continued.get(early.volumeId);
    assert.ok(metadata !== undefined && password !== '');
    assert.equal(continued.get(stored.volumeId)?.volumeContext['csi.cert-manager.io/pkcs12-password'], password);
    renewVolume(dataRoot, metadata, join(certificates, 'renewed'));
    assert.equal(readVolume(early.targetPath).certificate.subject, 'CN=renewed', 'the pod sees the renewal');
    unpublishVolume(upstream, NodeUnpublishVolumeRequest.fromPartial(stored));
    assert.ok(!existsSync(stored.targetPath));
    assert.deepEqual(node.stored(), [early.volumeId], 'the key is deleted with its volume');
    const fresh = node.volume('fresh', { 'common-name': 'new', duration: '1h' });
    publishVolume(upstream, NodePublishVolumeRequest.fromPartial(fresh));

    const back = await AgentProcess.start(node, { flags: [`--adopt-from=${dataRoot}`] });
    after(() => back.kill());
    assert.equal(back.logLines('volumes restored')[0]?.['volumes'], 2);
    assert.equal(back.logLines('volumes restored')[0]?.['adopted'], 1);
    assert.equal(await back.metric('damaged_volumes'), 0);
    assert.equal(readVolume(early.targetPath).certificate.subject, 'CN=renewed');
    const freshSerial = serialOf(fresh);
    await client.publish(fresh);
    assert.equal(serialOf(fresh), freshSerial);
    await client.unpublish(early);
    assert.deepEqual(node.stored(), [fresh.volumeId]);
    assert.equal(await back.stop(), 0);

    const last = await AgentProcess.start(node);
    after(() => last.kill());
    assert.equal(last.logLines('volumes restored')[0]?.['volumes'], 1);
    assert.ok(!existsSync(join(node.directoryOf(fresh), 'metadata.json')), 'outdated metadata is deleted');
    assert.notEqual(statSync(upstreamRoot).dev, statSync(node.storePath).dev, 'no longer mounted for csi-driver');
    await client.unpublish(fresh);
    assert.deepEqual(node.stored(), []);
    assert.equal(await last.stop(), 0);
  });

  test('refuses to hand over where the upstream driver has volumes', { skip: cannotMount }, async () => {
    const node = new TestNode();
    after(() => node.remove());
    mkdirSync(join(node.root, 'data/inmemfs/csi-1'), { recursive: true });
    await assert.rejects(
      AgentProcess.start(node, { flags: ['--hand-over'] }),
      /hand-over: expected .*inmemfs to be empty/,
    );
    assert.ok(existsSync(join(node.root, 'data/inmemfs/csi-1')));
  });
});
