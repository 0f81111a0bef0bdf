import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { InlineVolume } from '@certfleet/csi-client/csi-client.ts';
import { waitUntil } from '../../cluster/wait.ts';
import { RestartableAgent } from '../mortal-agent.ts';
import { RunningPod } from '../running-pod.ts';
import { cannotMount, TestNode } from '../test-node.ts';
import { readVolume } from '../volume-files.ts';

const kinds: readonly Readonly<Record<string, string>>[] = [
  { 'key-algorithm': 'ECDSA' },
  { 'key-algorithm': 'Ed25519', 'pkcs12-enable': 'true', 'pkcs12-password': 'keystore-password' },
  { 'key-algorithm': 'RSA', 'reuse-private-key': 'true' },
];
/** More than any scenario needs; reaching it means that the scenario never ended. */
const maxSteps = 400;
/** The long scenarios try every third file operation; the storage tests try each one. */
const stride = 3;

/** Kills at chosen steps. */
export function crashSuite(): void {
  describe('an agent killed at any step', { skip: cannotMount, concurrency: false }, () => {
    let node: TestNode;
    let agent: RestartableAgent;
    let standing: readonly InlineVolume[];
    let pods: readonly RunningPod[];
    let serials: readonly string[];

    const serialOf = ({ targetPath }: InlineVolume): string => readVolume(targetPath).certificate.serialNumber;
    /** Volumes that were complete before must survive every kill. */
    const assertStatusUnchanged = (): void => {
      assert.deepEqual(standing.map(serialOf), serials);
      for (const volume of standing) assert.equal(node.recordOf(volume)?.generation, 1);
    };
    const assertGone = (volume: InlineVolume): void => {
      assert.ok(!node.stored().includes(volume.volumeId));
      assert.ok(!node.mountPoints().includes(volume.targetPath));
      assert.ok(!existsSync(volume.targetPath));
    };
    const assertNoLeftovers = (): void =>
      assert.deepEqual(
        node.stored().filter((name) => name.startsWith('..')),
        [],
      );

    before(async () => {
      node = new TestNode();
      agent = new RestartableAgent(node);
      await agent.start();
      standing = kinds.map((kind, index) => node.volume(`standing-${index}`, kind));
      for (const volume of standing) await agent.client.publish(volume);
      serials = standing.map(serialOf);
      // Their files must not change, and a wrong change would stay: few reads see it.
      pods = standing.map(({ targetPath }) => new RunningPod(targetPath, 20));
    });
    beforeEach(() => agent.start());
    after(async () => {
      await agent.end();
      node.remove();
    });

    /** Publishes a volume with a kill before that step, then checks how the next start handles it. */
    const publishKilledAt = async (
      step: number,
      kind: number,
    ): Promise<{ survived: boolean; wasMounting: boolean }> => {
      const volume = node.volume(`published-${kind}-${step}`, kinds[kind]);
      const data = join(node.directoryOf(volume), 'data');
      agent.light(step);
      const survived = await agent.survives(() => agent.client.publish(volume));
      const issuedBefore = existsSync(join(data, '..data')) ? readVolume(data).certificate.serialNumber : undefined;
      const wasMounting = existsSync(volume.targetPath);
      await agent.start();
      assertNoLeftovers();
      assertStatusUnchanged();
      await agent.client.publish(volume);
      assert.equal(serialOf(volume), issuedBefore ?? serialOf(volume), `step ${step}: issued twice`);
      assert.equal(node.recordOf(volume)?.generation, 1, `step ${step}`);
      assert.ok(node.isReadOnly(volume), `step ${step}: mounted writable`);
      await agent.client.unpublish(volume);
      assertGone(volume);
      return { survived, wasMounting };
    };

    for (const kind of kinds.keys()) {
      const name = Object.values(kinds[kind] ?? {})[0] ?? '';
      test(`while it publishes (${name}): the next publish finds or completes the volume`, async (context) => {
        // One case tests each mount step: between bind and remount the pod could write. The others differ only in the
        // file operations before.
        const pace = kind === 0 ? stride : 5 * stride;
        let step = 0;
        for (;;) {
          assert.ok(step < maxSteps);
          const { survived, wasMounting } = await publishKilledAt(step, kind);
          if (survived) break;
          step += wasMounting && kind === 0 ? 1 : pace;
        }
        context.diagnostic(`${step} steps`);
      });
    }

    test('while it unpublishes: the next unpublish removes everything', async (context) => {
      let step = 0;
      for (let survived = false; !survived; step++) {
        assert.ok(step < maxSteps);
        const volume = node.volume(`unpublished-${step}`);
        await agent.client.publish(volume);
        agent.light(step);
        survived = await agent.survives(() => agent.client.unpublish(volume));
        await agent.start();
        assertNoLeftovers();
        assertStatusUnchanged();
        if (node.mountPoints().includes(volume.targetPath) && node.stored().includes(volume.volumeId)) serialOf(volume);
        await agent.client.unpublish(volume);
        assertGone(volume);
      }
      context.diagnostic(`${step} steps`);
    });

    test('while it starts: a later start restores all volumes', async (context) => {
      let step = 0;
      while (!(await agent.start(step))) {
        assert.ok(step < maxSteps);
        step += 1;
      }
      await agent.start();
      assertNoLeftovers();
      assertStatusUnchanged();
      context.diagnostic(`${step} steps`);
    });

    test('while it renews: the pod sees complete payloads and no certificate is issued twice', async (context) => {
      // Due as soon as the minimum interval between two certificates allows.
      const volume = node.volume('renewed', { duration: '3s', 'renew-before': '1900ms' });
      await agent.client.publish(volume);
      const pod = new RunningPod(volume.targetPath);
      const generation = (): number => node.recordOf(volume)?.generation ?? 0;
      let step = 0;
      for (let survived = false; !survived; step += stride) {
        assert.ok(step < maxSteps);
        const before = generation();
        const life = agent.process;
        agent.light(step);
        await waitUntil('a renewal or a kill', () => Promise.resolve(life.hasEnded || generation() > before), {
          timeoutMs: 30_000,
        });
        // Few steps follow the write of the record; the next start shows whether the agent was killed in one.
        survived = !life.hasEnded && step > stride;
        await agent.start();
        assertNoLeftovers();
        assertStatusUnchanged();
      }
      await agent.end();
      const { looks, serials: seen, torn } = await pod.end();
      assert.deepEqual(torn, []);
      assert.equal(new Set(seen).size, seen.length, 'an old certificate came back');
      assert.equal(generation(), seen.length, 'each generation is one certificate');
      context.diagnostic(`${step} steps, ${seen.length} certificates, ${looks} looks`);
    });

    test('running pods are not affected by any of this', async () => {
      for (const [index, pod] of pods.entries()) {
        const { looks, serials: seen, torn } = await pod.end();
        assert.deepEqual(torn, []);
        assert.deepEqual(seen, [serials[index]]);
        assert.ok(looks > 100);
      }
    });
  });
}
