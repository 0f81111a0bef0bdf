import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ApiRequest } from '@certfleet/shared/kube/api-client.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { startRedisServer } from '../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../e2e/support/redis-server.ts';
import { createRollouts } from './create-rollouts.ts';
import { enrol, reportOf, silentLogger, startReplica, until } from './dispatch/testing/test-fleet.ts';
import { redisKeys } from './redis/redis-keys.ts';

const hourMs = 3_600_000;
const app = { apiVersion: 'apps/v1', controller: true };
const csi = { volumeAttributes: { 'csi.cert-manager.io/reload-rollout': 'true' } };

/** The objects of the API server, by plural and name. */
const objects: Readonly<Record<string, object>> = {
  'pods/web-1': {
    metadata: { uid: 'uid-web', ownerReferences: [{ ...app, kind: 'ReplicaSet', name: 'web-7', uid: 'uid-set' }] },
    spec: { nodeName: 'node-a', volumes: [{ csi }] },
  },
  'replicasets/web-7': {
    metadata: { uid: 'uid-set', ownerReferences: [{ ...app, kind: 'Deployment', name: 'web', uid: 'uid-deployment' }] },
  },
  'deployments/web': {
    metadata: { uid: 'uid-deployment', generation: 1, resourceVersion: '41' },
    spec: { replicas: 1, template: { metadata: { labels: { app: 'web' } } } },
    status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1 },
  },
};

let server: RedisServer;
const stops: (() => Promise<unknown>)[] = [];

/** A replica on the real Redis, whose API server has the objects above. */
function replica(
  prefix: string,
): { readonly patches: object[]; run(): Promise<void> } & ReturnType<typeof startReplica> {
  const started = startReplica({ url: server.url, prefix }, false);
  const patches: object[] = [];
  const clock = new ManualClock(Date.UTC(2026, 10, 24));
  const request = ({ verb, resource, name = '', body }: ApiRequest): Promise<unknown> => {
    if (verb === 'patch') patches.push(body as object);
    if (verb === 'list') return Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] });
    const object = verb === 'get' ? objects[`${resource.plural}/${name}`] : {};
    return object ? Promise.resolve(object) : Promise.reject(new CertfleetError('not-found', name));
  };
  const rollouts = createRollouts({
    config: { rollouts: true, 'rollouts-per-minute': 6, 'namespace-rollouts-per-minute': 2 },
    client: { request },
    connections: started.connections,
    keys: redisKeys(prefix),
    follower: started.follower,
    replica: randomUUID(),
    observe: { rolloutEnded: () => undefined, rolloutsBlocked: () => undefined },
    clock,
    log: silentLogger,
  });
  rollouts?.start();
  stops.push(async () => {
    await rollouts?.stop();
    await started.stop();
  });
  return { ...started, patches, run: () => clock.advance(5_000) };
}

describe('the rollouts of a controller', () => {
  before(async () => {
    server = await startRedisServer();
  });
  after(() => server.stop());
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  test('follow from the report of an agent, and one replica makes them', async () => {
    const prefix = `t-${randomUUID()}`;
    const [one, two] = [replica(prefix), replica(prefix)];
    const times = {
      notBeforeMs: Date.now(),
      renewAtMs: Date.now() + 16 * hourMs,
      notAfterMs: Date.now() + 24 * hourMs,
    };
    const report = reportOf({ id: 'web', pod: 'web-1', namespace: 'shop', generation: 2, ...times });
    await until(() => one.connections.commands.status === 'ready' && one.follower.isCurrent && two.follower.isCurrent);
    await enrol(one, 'node-a', [
      { ...report, rollsWorkload: true },
      { ...report, volumeId: 'other', pod: { namespace: 'shop', name: 'other', uid: 'uid-other' } },
    ]);
    await until(async () => {
      await Promise.all([one.run(), two.run()]);
      return one.patches.length + two.patches.length > 0;
    });
    const [patch] = [...one.patches, ...two.patches];
    assert.deepEqual((patch as { metadata: object }).metadata, { uid: 'uid-deployment', resourceVersion: '41' });
    assert.match(JSON.stringify(patch), /"annotations":\{"certfleet\.io\/restarted-at":"2026-11-24T/);
    // The pod still has the template's annotation here; within ten minutes, no replica rolls the workload again.
    for (let pass = 0; pass < 20; pass += 1) await Promise.all([one.run(), two.run()]);
    assert.equal(one.patches.length + two.patches.length, 1);
  });

  test('need a cluster, and are off unless they are enabled', () => {
    const parts = {
      client: undefined,
      connections: { commands: undefined as never },
      keys: redisKeys('t'),
      follower: { view: undefined as never, isCurrent: true },
      replica: 'r',
      observe: { rolloutEnded: () => undefined, rolloutsBlocked: () => undefined },
      clock: new ManualClock(),
      log: silentLogger,
    };
    const rates = { 'rollouts-per-minute': 6, 'namespace-rollouts-per-minute': 2 };
    const create = (rollouts: boolean): unknown => createRollouts({ ...parts, config: { rollouts, ...rates } });
    assert.throws(() => create(true), /^CertfleetError: --rollouts/);
    assert.equal(create(false), undefined);
  });
});
