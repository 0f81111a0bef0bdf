// An agent that is killed at random times while a kubelet publishes and unpublishes volumes.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { InlineVolume } from '@certfleet/csi-client/csi-client.ts';
import { waitUntil } from '../cluster/wait.ts';
import { Random } from '../node-simulation/random.ts';
import { AgentProcess } from './agent-process.ts';
import type { AgentStart } from './agent-process.ts';
import { RetryingKubelet } from './retrying-kubelet.ts';
import { TestApiServer } from './test-api-server.ts';
import { cannotMount, TestNode } from './test-node.ts';
import { readVolume } from './volume-files.ts';

const seed = Number(process.env['CERTFLEET_TEST_SEED'] ?? 1);
const volumesPerLife = 4;
const lives = 50;
/**
 * Every volume is renewed during the test and none expires: on a busy machine the agents of this test spend most of
 * their time starting. A certificate may be stored a minute after it was signed, which its renew-before must allow.
 */
const renewedAfterMs = 100_000;
const lifetimeMs = 3 * renewedAfterMs;

/** Starts and kills an agent repeatedly, with work during each run. */
class Killer {
  readonly #node: TestNode;
  readonly #start: AgentStart;
  readonly #random: Random;
  kills = 0;
  #startMs = 500;

  constructor(node: TestNode, start: AgentStart, random: Random) {
    this.#node = node;
    this.#start = start;
    this.#random = random;
  }

  /** Lets an agent run for a random time after its start, or kills it during the start. */
  async life(work: () => void): Promise<void> {
    const startedMs = performance.now();
    const agent = AgentProcess.launch(this.#node, this.#start);
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

test('a hundred kills cause no duplicate request, no lost volume and no leftover', { skip: cannotMount }, async (t) => {
  const random = new Random(seed);
  const api = await TestApiServer.start(() => random.between(0, 150));
  t.after(() => api.close());
  const node = new TestNode();
  t.after(() => node.remove());
  const kubeconfig = join(node.root, 'kubeconfig');
  writeFileSync(kubeconfig, api.kubeconfig);
  const start = { flags: [`--kubeconfig=${kubeconfig}`] };
  const killer = new Killer(node, start, random.fork('kills'));
  const kubelet = new RetryingKubelet(node.socketPath);
  const times = { duration: `${lifetimeMs}ms`, 'renew-before': `${lifetimeMs - renewedAfterMs}ms` };
  const volumes = Array.from({ length: lives * volumesPerLife }, (_, index) =>
    node.volume(`pod-${index}`, { ...times, 'dns-names': `pod-${index}.example` }, { podUid: podUid(index) }),
  );
  const generationOf = (volume: InlineVolume): number => node.recordOf(volume)?.generation ?? 0;
  /**
   * Kills the agent while the kubelet works on a few volumes at a time; returns the last agent, which stays running.
   */
  const killWhile = async (work: (volume: InlineVolume) => Promise<void>): Promise<AgentProcess> => {
    const calls: Promise<void>[] = [];
    for (let life = 0; life < lives; life++) {
      await killer.life(() => {
        const from = life * volumesPerLife;
        calls.push(...volumes.slice(from, from + volumesPerLife).map(work));
      });
    }
    const agent = await AgentProcess.start(node, start);
    await Promise.all(calls);
    return agent;
  };

  const first = await killWhile((volume) => kubelet.publish(volume));
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
  await waitUntil(
    'the renewal of every volume',
    () => Promise.resolve(volumes.every((volume, index) => generationOf(volume) > (before[index] ?? 0))),
    { timeoutMs: lifetimeMs, intervalMs: 500 },
  );
  assertNoneDoubled(api.created, volumes.map(generationOf));
  const renewals = api.created.length;
  for (const index of volumes.keys()) assert.ok(api.requestsOf(podUid(index)).length <= 2, 'old requests are deleted');
  await first.kill();

  const second = await killWhile((volume) => kubelet.unpublish(volume));
  t.after(() => second.kill());
  assert.deepEqual(node.stored(), []);
  assert.deepEqual(node.mountPoints(), []);
  for (const { targetPath } of volumes) assert.ok(!existsSync(targetPath), targetPath);
  assert.equal(await second.metric('volumes'), 0);
  assert.equal(await second.metric('damaged_volumes'), 0);
  assert.deepEqual(kubelet.finalErrors, []);
  assert.equal(killer.kills, 100);
  assert.ok(lostPublishes > 50, 'too few kills hit a publish');
  assert.ok(kubelet.lostCalls - lostPublishes > 50, 'too few kills hit an unpublish');
  assert.equal(await second.stop(), 0);
  t.diagnostic(`seed ${seed}: ${renewals} requests, ${kubelet.lostCalls} calls lost`);
});

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
