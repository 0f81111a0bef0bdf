// Faults of a node that a simulation cannot produce: a full tmpfs, two agents, a clock step, a symbolic link.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, globSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CsiClient, RegistrationCaller } from '@certfleet/csi-client/csi-client.ts';
import type { InlineVolume } from '@certfleet/csi-client/csi-client.ts';
import { waitUntil } from '../../cluster/wait.ts';
import { AgentProcess } from '../agent-process.ts';
import { RunningPod } from '../running-pod.ts';
import { TestApiServer } from '../test-api-server.ts';
import { cannotMount, TestNode } from '../test-node.ts';
import { readVolume } from '../volume-files.ts';

const renewalTimeoutMs = 60_000;
/** Renewed after a few seconds, with time for several attempts. */
const brief = { duration: '20s', 'renew-before': '16s' };
const [libfaketime] = globSync('/usr/lib/*/faketime/libfaketime.so.1');

const serialOf = ({ targetPath }: InlineVolume): string => readVolume(targetPath).certificate.serialNumber;

async function renewed(volume: InlineVolume, agent: AgentProcess): Promise<void> {
  const serial = serialOf(volume);
  await waitUntil('a renewal', () => Promise.resolve(serialOf(volume) !== serial), {
    timeoutMs: renewalTimeoutMs,
    explain: () => Promise.resolve(agent.output.slice(-4_000)),
  });
}

/** Faults of a node. */
export function faultsSuite(): void {
  describe('an agent', { skip: cannotMount, concurrency: true }, () => {
    test('rejects new volumes on a full tmpfs, and keeps and renews the existing ones', async (t) => {
      const node = new TestNode();
      t.after(() => node.remove());
      const flags = ['--tmpfs-size=512Ki'];
      const first = await AgentProcess.start(node, { flags });
      t.after(() => first.kill());
      const client = new CsiClient(node.socketPath);
      t.after(() => client.close());
      const volumes: InlineVolume[] = [];
      let refusal = '';
      for (let index = 0; refusal === '' && index < 200; index++) {
        const volume = node.volume(`full-${index}`, brief);
        await client.publish(volume).then(
          () => volumes.push(volume),
          (error: unknown) => (refusal = String(error)),
        );
      }
      assert.match(refusal, /RESOURCE_EXHAUSTED.*kept for renewals.*app\.driver\.tmpfsSize/s);
      assert.ok(volumes.length > 3, `${volumes.length} volumes`);
      const [oldest] = volumes;
      assert.ok(oldest);
      // With only the reserve left, every volume is renewed.
      await Promise.all(volumes.map((volume) => renewed(volume, first)));

      // Then the reserve is filled too: pods keep their files, also over a restart of the agent.
      const filler = join(node.storePath, 'filler');
      const hasFailed = async (): Promise<boolean> => {
        // Repeated, because a renewal in progress frees a few pages when it ends.
        fill(filler);
        return (await first.metric('issuance_failures_total')) > 0;
      };
      await waitUntil('a renewal to fail', hasFailed, { timeoutMs: renewalTimeoutMs });
      await first.kill();
      fill(filler);
      const before = volumes.map(serialOf);
      const second = await AgentProcess.start(node, { flags });
      t.after(() => second.kill());
      await assert.rejects(client.publish(node.volume('late')), /RESOURCE_EXHAUSTED/);
      assert.deepEqual(volumes.map(serialOf), before);
      rmSync(filler);
      await Promise.all(volumes.map((volume) => renewed(volume, second)));
      for (const volume of volumes) await client.unpublish(volume);
      await client.publish(node.volume('later'));
      assert.equal(await second.stop(), 0);
    });

    test('waits for another agent of its node, continues when that one ends, and keeps its sockets', async (t) => {
      const node = new TestNode();
      t.after(() => node.remove());
      const volume = node.volume('shared', brief);
      const first = await AgentProcess.start(node);
      t.after(() => first.kill());
      const publish = async (each: InlineVolume): Promise<void> => {
        const client = new CsiClient(node.socketPath);
        await client.publish(each).finally(() => client.close());
      };
      await publish(volume);
      const pod = new RunningPod(volume.targetPath);
      let last = first;
      for (const end of ['stop', 'kill'] as const) {
        const next = AgentProcess.launch(node);
        t.after(() => next.kill());
        const waits = (): boolean => next.output.includes('waiting for another agent of this node to stop');
        await waitUntil('the next agent to wait', () => Promise.resolve(waits()), { timeoutMs: renewalTimeoutMs });
        await publish(node.volume(`beside-${end}`, { duration: '1h' }));
        assert.deepEqual(next.logLines('listening'), [], 'the lock is held');
        await last[end]();
        await next.listening();
        const kubelet = new RegistrationCaller(join(node.registryPath, 'csi.cert-manager.io-reg.sock'));
        assert.equal((await kubelet.getInfo().finally(() => kubelet.close())).endpoint, node.socketPath);
        await publish(volume);
        await publish(node.volume(`after-${end}`, { duration: '1h' }));
        assert.equal((await next.get('/healthz')).status, 200);
        last = next;
      }
      await renewed(volume, last);
      assert.equal(node.stored().length, 5);
      const { torn, serials } = await pod.end();
      assert.deepEqual(torn, []);
      assert.equal(new Set(serials).size, serials.length);
      assert.equal(node.recordOf(volume)?.generation, serials.length, 'each generation is one certificate');
      assert.equal(await last.stop(), 0);
    });

    test('with a clock that jumps by two days and back, sends few requests and lets no certificate expire', async (t) => {
      assert.ok(libfaketime, 'expected the Debian package libfaketime');
      const api = await TestApiServer.start();
      t.after(() => api.close());
      const node = new TestNode();
      t.after(() => node.remove());
      const [kubeconfig, offset] = [join(node.root, 'kubeconfig'), join(node.root, 'offset')];
      writeFileSync(kubeconfig, api.kubeconfig);
      const shift = (by: string): void => {
        // Renamed into place, so that the library never reads an empty file.
        writeFileSync(`${offset}.new`, by);
        renameSync(`${offset}.new`, offset);
      };
      shift('+0');
      const start = {
        flags: [`--kubeconfig=${kubeconfig}`],
        env: {
          LD_PRELOAD: libfaketime,
          FAKETIME_TIMESTAMP_FILE: offset,
          FAKETIME_NO_CACHE: '1',
          FAKETIME_DONT_FAKE_MONOTONIC: '1',
        },
      };
      const first = await AgentProcess.start(node, start);
      t.after(() => first.kill());
      const client = new CsiClient(node.socketPath);
      t.after(() => client.close());
      const volumes = [
        node.volume('short', { duration: '40s', 'renew-before': '34s', 'dns-names': 'short.example' }),
        node.volume('long', { duration: '2160h', 'dns-names': 'long.example' }),
      ] as const;
      for (const volume of volumes) await client.publish(volume);
      assert.equal(api.created.length, 2);

      shift('+2d');
      await client.publish(volumes[1]);
      await delay(2_000);
      // Even a start with the wrong time, when everything seems expired, sends no more requests.
      await first.kill();
      const agent = await AgentProcess.start(node, start);
      t.after(() => agent.kill());
      const next = new CsiClient(node.socketPath);
      t.after(() => next.close());
      await next.publish(volumes[1]);
      await delay(4_000);
      const dayAfterTomorrow = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10);
      assert.ok(agent.output.includes(`"time":"${dayAfterTomorrow}`), 'the clock of the agent was not shifted');
      shift('+0');
      const expired: string[] = [];
      const requestsOf = (name: string): number => api.created.filter((each) => each.startsWith(`${name}-`)).length;
      const duringShift = requestsOf('short');
      assert.ok(duringShift <= 8, `${duringShift} requests in a few seconds`);
      const isStillValid = (): void => {
        const { certificate } = readVolume(volumes[0].targetPath);
        if (certificate.validToDate.getTime() <= Date.now()) expired.push(certificate.validTo);
      };
      const generation = (): number => node.recordOf(volumes[0])?.generation ?? 0;
      const from = generation();
      await waitUntil(
        'two renewals',
        () => {
          isStillValid();
          return Promise.resolve(generation() >= from + 2);
        },
        {
          timeoutMs: 2 * renewalTimeoutMs,
          intervalMs: 100,
          explain: () => Promise.resolve(agent.output.slice(-4_000)),
        },
      );
      assert.deepEqual(expired, []);
      assert.ok(requestsOf('short') <= duringShift + 4, `${requestsOf('short')} requests`);
      assert.equal(requestsOf('long'), 1, 'a certificate with months left is not touched');
      for (const volume of volumes) await next.unpublish(volume);
      assert.equal(await agent.stop(), 0);
      t.diagnostic(`${duringShift} requests while the clock was wrong`);
    });

    test('keeps and renews volumes in a kubelet directory behind a symbolic link', async (t) => {
      const node = new TestNode();
      t.after(() => node.remove());
      const kubelet = join(node.root, 'kubelet');
      mkdirSync(join(node.root, 'disk/kubelet/pods'), { recursive: true });
      symlinkSync('disk/kubelet', kubelet);
      // A separate driver name: agents of other tests in this namespace search for the volumes of their own driver.
      const driverName = 'csi.linked.example';
      const podUid = randomUUID();
      const targetPath = join(kubelet, 'pods', podUid, 'volumes/kubernetes.io~csi/tls/mount');
      mkdirSync(dirname(targetPath), { recursive: true });
      writeFileSync(join(dirname(targetPath), 'vol_data.json'), JSON.stringify({ driverName }));
      const volume = node.volume('linked', brief, { podUid, targetPath });
      const start = { flags: [`--kubelet-root-dir=${kubelet}`, `--driver-name=${driverName}`] };
      const client = new CsiClient(node.socketPath);
      t.after(() => client.close());
      let agent = await AgentProcess.start(node, start);
      await client.publish(volume);
      const { ino } = statSync(targetPath);
      for (const end of ['stop', 'kill'] as const) {
        await agent[end]();
        agent = await AgentProcess.start(node, start);
        const started = agent;
        t.after(() => started.kill());
        assert.equal(await agent.metric('pod_mounts', 'state="matched"'), 1);
        await client.publish(volume);
        assert.equal(await agent.metric('issuances_total', 'cause="mount"'), 0, 'a restart issues nothing');
        await renewed(volume, agent);
        assert.equal(statSync(targetPath).ino, ino, 'renewed in place');
      }
      await client.unpublish(volume);
      assert.ok(!existsSync(targetPath));
      assert.deepEqual(node.stored(), []);
      assert.equal(await agent.metric('pod_mounts', 'state="matched"'), 0);
      assert.equal(await agent.stop(), 0);
    });
  });
}

/** Fills a tmpfs to its last page. */
function fill(path: string): void {
  const page = Buffer.alloc(4096);
  for (;;) {
    try {
      writeFileSync(path, page, { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
      throw error;
    }
  }
}
