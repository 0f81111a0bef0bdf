// An agent that is killed at random times while a kubelet publishes and unpublishes volumes.
import assert from 'node:assert/strict';
import { existsSync, globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { InlineVolume } from '@certfleet/csi-client/csi-client.ts';
import { waitUntil } from '../cluster/wait.ts';
import { Random } from '../node-simulation/random.ts';
import { AgentProcess } from './agent-process.ts';
import type { AgentStart } from './agent-process.ts';
import { RetryingKubelet } from './retrying-kubelet.ts';
import { TestApiServer } from './test-api-server.ts';
import { TestNode } from './test-node.ts';
import { readVolume } from './volume-files.ts';

const volumesPerLife = 4;
const renewalTimeoutMs = 240_000;
const [libfaketime] = globSync('/usr/lib/*/faketime/libfaketime.so.1');

/** Starts and kills an agent repeatedly, with work during each run. */
class Killer {
  readonly #node: TestNode;
  readonly #random: Random;
  kills = 0;
  #startMs = 500;

  constructor(node: TestNode, random: Random) {
    this.#node = node;
    this.#random = random;
  }

  /** Lets an agent run for a random time after its start, or kills it during the start. */
  async life(start: AgentStart, work: () => void): Promise<void> {
    const startedMs = performance.now();
    const agent = AgentProcess.launch(this.#node, start);
    if (this.#random.chance(0.2)) {
      work();
      await delay(this.#random.between(0, this.#startMs));
    } else {
      await agent.listening();
      this.#startMs = performance.now() - startedMs;
      work();
      await delay(this.#random.between(0, 300));
    }
    assert.ok(!agent.hasEnded, `the agent exited on its own:\n${agent.output}`);
    await agent.kill();
    this.kills += 1;
  }
}

interface KillsOptions {
  readonly seed: number;
  /** Agents that are killed while the kubelet publishes, and as many while it unpublishes. */
  readonly lives: number;
}

/** Asserts that the kills cause no duplicate request, no lost volume and no leftover. */
export async function assertKillsAreHarmless(t: TestContext, { seed, lives }: KillsOptions): Promise<void> {
  assert.ok(libfaketime, 'expected the Debian package libfaketime');
  const random = new Random(seed);
  const api = await TestApiServer.start(() => random.between(0, 150));
  t.after(() => api.close());
  const node = new TestNode();
  t.after(() => node.remove());
  const kubeconfig = join(node.root, 'kubeconfig');
  writeFileSync(kubeconfig, api.kubeconfig);
  // No volume has an RSA key, which each start would generate in advance.
  const start = { flags: [`--kubeconfig=${kubeconfig}`, '--rsa-key-pool-size=0'] };
  const killer = new Killer(node, random.fork('kills'));
  const kubelet = new RetryingKubelet(node.socketPath);
  const volumes = Array.from({ length: lives * volumesPerLife }, (_, index) =>
    node.volume(`pod-${index}`, { duration: '1h', 'dns-names': `pod-${index}.example` }, { podUid: podUid(index) }),
  );
  const generationOf = (volume: InlineVolume): number => node.recordOf(volume)?.generation ?? 0;
  /**
   * Kills the agent while the kubelet works on a few volumes at a time; returns the last agent, which stays running.
   */
  const killWhile = async (each: AgentStart, work: (volume: InlineVolume) => Promise<void>): Promise<AgentProcess> => {
    const calls: Promise<void>[] = [];
    for (let life = 0; life < lives; life++) {
      await killer.life(each, () => {
        const from = life * volumesPerLife;
        calls.push(...volumes.slice(from, from + volumesPerLife).map(work));
      });
    }
    const agent = await AgentProcess.start(node, each);
    await Promise.all(calls);
    return agent;
  };

  const first = await killWhile(start, (volume) => kubelet.publish(volume));
  t.after(() => first.kill());
  const lostPublishes = kubelet.lostCalls;
  assert.deepEqual(node.mountPoints(), volumes.map(({ targetPath }) => targetPath).sort());
  const before = volumes.map((volume) => {
    const { certificate, names } = readVolume(volume.targetPath);
    assert.ok(node.isReadOnly(volume), volume.targetPath);
    assert.deepEqual(names, ['ca.crt', 'tls.crt', 'tls.key']);
    assert.ok(certificate.validToDate.getTime() > Date.now(), `${volume.targetPath} has expired`);
    return generationOf(volume);
  });
  await first.kill();

  // 45 minutes later, when all renewals are due.
  const later = { ...start, env: { LD_PRELOAD: libfaketime, FAKETIME: '+45m', FAKETIME_DONT_FAKE_MONOTONIC: '1' } };
  const renewing = await AgentProcess.start(node, later);
  t.after(() => renewing.kill());
  await waitUntil(
    'the renewal of every volume',
    () => Promise.resolve(volumes.every((volume, index) => generationOf(volume) > (before[index] ?? 0))),
    { timeoutMs: renewalTimeoutMs, intervalMs: 100, explain: () => Promise.resolve(renewing.output.slice(-4_000)) },
  );
  assertNoneDoubled(api.created, volumes.map(generationOf));
  const requests = api.created.length;
  for (const index of volumes.keys()) assert.ok(api.requestsOf(podUid(index)).length <= 2, 'old requests are deleted');
  await renewing.kill();

  const last = await killWhile(later, (volume) => kubelet.unpublish(volume));
  t.after(() => last.kill());
  assert.deepEqual(node.stored(), []);
  assert.deepEqual(node.mountPoints(), []);
  for (const { targetPath } of volumes) assert.ok(!existsSync(targetPath), targetPath);
  assert.equal(await last.metric('volumes'), 0);
  assert.equal(await last.metric('damaged_volumes'), 0);
  assert.deepEqual(kubelet.finalErrors, []);
  assert.equal(killer.kills, 2 * lives);
  assert.ok(lostPublishes > lives, 'too few kills hit a publish');
  assert.ok(kubelet.lostCalls - lostPublishes > lives, 'too few kills hit an unpublish');
  assert.equal(await last.stop(), 0);
  t.diagnostic(`seed ${seed}: ${requests} requests, ${kubelet.lostCalls} calls lost`);
}

function podUid(index: number): string {
  return `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
}

/** Each generation of each volume was requested once, under one name; at most one more request is in progress. */
function assertNoneDoubled(created: readonly string[], generations: readonly number[]): void {
  const numbers = new Map<string, number[]>();
  for (const name of created) {
    const [, pod = '', generation = ''] = /^(pod-\d+)-[0-9a-f]{12}-(\d+)$/.exec(name) ?? [];
    assert.notEqual(pod, '', `a request was replaced: ${name}`);
    numbers.set(pod, [...(numbers.get(pod) ?? []), Number(generation)]);
  }
  for (const [index, generation] of generations.entries()) {
    const requested = numbers.get(`pod-${index}`) ?? [];
    assert.deepEqual(
      requested,
      Array.from(requested, (_, position) => position + 1),
      `requests of pod-${index}`,
    );
    assert.ok(
      requested.length <= generation + 1,
      `pod-${index}: ${requested.length} requests, generation ${generation}`,
    );
  }
}
