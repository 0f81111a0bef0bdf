// The complete flow on each kind of Redis: report, schedule, dispatch, retry, deduplication, loss of all data, and the
// limits of a node. A real controller and the agents' links.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openRedis } from '../../apps/node-agent/src/fleet/redis-client.ts';
import { nodeQueueName, nodeQueuePrefix } from '../../apps/renewal-controller/src/redis/redis-keys.ts';
import { eventually } from './support/eventually.ts';
import { LivingVolumes } from './support/living-volumes.ts';
import { redisKinds } from './support/redis-kinds.ts';
import type { RedisKind } from './support/redis-kinds.ts';
import { WholeFleet } from './support/whole-fleet.ts';

const hourMs = 3_600_000;

describe('renews a whole fleet through', { concurrency: 2 }, () => {
  for (const [name, start] of Object.entries(redisKinds)) {
    test(name, async (t) => {
      const directory = mkdtempSync(join(tmpdir(), 'certfleet-kind-'));
      t.after(() => rmSync(directory, { recursive: true, force: true }));
      const kind = await start(directory);
      t.after(() => kind.stop());
      await using fleet = await WholeFleet.start(kind, { jitter: 0 });
      const volumes = await renewsRetriesAndDoublesNothing(fleet);
      await isWholeAfterLoss(fleet, kind, volumes);
      await keepsNodesApart(fleet, kind, name.includes('one user for all'));
      // A denial for another user than the thief above means that the documentation lacks a permission.
      const denied = await kind.admin('ACL', 'LOG');
      assert.ok(!/^(certfleet|certfleet-shared)$/m.test(denied), `the controller was denied:\n${denied}`);
    });
  }
});

async function renewsRetriesAndDoublesNothing(fleet: WholeFleet): Promise<LivingVolumes> {
  const now = Date.now();
  const issuer = 'corporate';
  const a = new LivingVolumes(5, [
    { id: 'csi-due', issuer, lifetimeMs: hourMs, renewAtMs: now + 500 },
    { id: 'csi-later', issuer, lifetimeMs: hourMs, renewAtMs: now + hourMs / 2 },
    // Retried within a quarter of the remaining time.
    { id: 'csi-failing', issuer: 'shaky', lifetimeMs: 18_000, renewAtMs: now + 500 },
  ]);
  a.fail('csi-failing', 1);
  const b = new LivingVolumes(5, [{ id: 'csi-other', issuer, lifetimeMs: hourMs, renewAtMs: now + 700 }]);
  const first = fleet.link('node-a', a);
  fleet.link('node-b', b);
  await eventually('what is due to be renewed', () => a.generation('csi-due') === 2 && b.generation('csi-other') === 2);
  await eventually('the failed one to be tried again', () => a.generation('csi-failing') === 2);
  // The same snapshot again, as after a broken stream.
  await first.stop();
  fleet.link('node-a', a);
  await eventually('all answers to be counted', async () =>
    (await fleet.ops('metrics')).text.includes('renewals_total{result="ok",path="controller"} 3'),
  );
  assert.equal(await fleet.volumeCount(), 4);
  assert.deepEqual(a.issuances.map(({ volumeId, cause }) => `${volumeId} ${cause}`).sort(), [
    'csi-due job',
    'csi-failing job',
  ]);
  return a;
}

async function isWholeAfterLoss(fleet: WholeFleet, kind: RedisKind, volumes: LivingVolumes): Promise<void> {
  await kind.admin('FLUSHALL');
  await eventually('the index to be filled again', async () =>
    /^3\b/m.test(await kind.admin('HLEN', '{certfleet}:volumes:node-a')),
  );
  await eventually('the view to hold it', async () => (await fleet.volumeCount()) === 4);
  await fleet.requestRenewal('csi-later');
  await eventually('a renewal on demand', () => volumes.generation('csi-later') === 2);
  assert.equal(volumes.generation('csi-due'), 2);
}

async function keepsNodesApart(fleet: WholeFleet, kind: RedisKind, areShared: boolean): Promise<void> {
  const thief = openRedis(await fleet.accessOf('node-x'), kind.agentCertificate);
  const keyOf = (node: string): string => `${nodeQueuePrefix('certfleet', node)}:${nodeQueueName}`;
  try {
    assert.deepEqual(await thief.hgetall(`${keyOf('node-x')}:x`), {});
    const attempts: Readonly<Record<string, () => Promise<unknown>>> = {
      ...(!areShared && {
        'read a job': () => thief.hgetall(`${keyOf('node-a')}:x`),
        'add a job': () => thief.zadd(`${keyOf('node-a')}:prioritized`, 1, 'x'),
        'drain the queue': () => thief.del(`${keyOf('node-a')}:prioritized`),
      }),
      'read the index': () => thief.hgetall('{certfleet}:volumes:node-a'),
      'empty the database': () => thief.flushdb(),
      'make users': () => thief.acl('SETUSER', 'default', '>x'),
    };
    for (const [what, attempt] of Object.entries(attempts)) await assert.rejects(attempt(), /NOPERM/, `could ${what}`);
  } finally {
    thief.disconnect();
  }
}
