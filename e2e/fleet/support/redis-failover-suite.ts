// A master that dies or is replaced during renewals, with real Sentinels: nothing is lost or doubled.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startRedisSentinels } from '../../support/redis-sentinels.ts';
import type { RedisSentinels } from '../../support/redis-sentinels.ts';
import { eventually } from './eventually.ts';
import { LivingVolumes } from './living-volumes.ts';
import { WholeFleet } from './whole-fleet.ts';

const volumesPerNode = 50;
const dispatchMs = 12_000;
/** A failover takes seconds, and replicas of a dead master need some more to follow the new one. */
const limitMs = 60_000;

const failures: Readonly<Record<string, (set: RedisSentinels) => Promise<void>>> = {
  'the master is killed': async (set) => await (await set.master()).kill(),
  'an operator lets it fail over': (set) => set.failOver(),
};

/** Adds the tests to the file of the faults of Redis. */
export function redisFailoverSuite(): void {
  describe('a failover of Sentinels', { concurrency: 2 }, () => {
    for (const [what, fail] of Object.entries(failures)) {
      test(`continues with the next master when ${what}: every renewal once by its job, and a complete index`, async (t) => {
        const set = await startRedisSentinels();
        t.after(() => set.stop());
        await using fleet = await WholeFleet.start(
          { flags: [`--redis-url=${set.url}`] },
          { ratePerSecond: 0, maxInFlight: 1_000, jitter: 0 },
        );
        const startMs = Date.now() + 1_000;
        const nodes = ['node-a', 'node-b'].map((node) => {
          const sketches = Array.from({ length: volumesPerNode }, (_, i) => ({
            id: `csi-${node}-${i}`,
            issuer: 'corporate',
            lifetimeMs: 3_600_000,
            renewAtMs: startMs + (i * dispatchMs) / volumesPerNode,
          }));
          const volumes = new LivingVolumes(20, sketches);
          fleet.link(node, volumes);
          return volumes;
        });
        const issued = (): number => nodes.reduce((sum, { issuances }) => sum + issuances.length, 0);
        await eventually('a part to be renewed', () => issued() > volumesPerNode / 4);
        const before = await set.master();
        await fail(set);
        await eventually('another master', async () => (await set.master()).port !== before.port, limitMs);
        await eventually('all to be renewed', () => issued() >= 2 * volumesPerNode, limitMs);
        await eventually(
          'each to wait for its next renewal',
          async () => (await fleet.ops('metrics')).text.includes(`due_jobs{state="delayed"} ${2 * volumesPerNode}`),
          limitMs,
        );
        assert.equal(await fleet.volumeCount(), 2 * volumesPerNode);
        for (const volumes of nodes) {
          assert.deepEqual(
            volumes.ids().filter((id) => volumes.generation(id) !== 2),
            [],
          );
          assert.deepEqual(
            volumes.issuances.filter(({ cause }) => cause !== 'job'),
            [],
          );
        }
        assert.equal(issued(), 2 * volumesPerNode);
      });
    }
  });
}
