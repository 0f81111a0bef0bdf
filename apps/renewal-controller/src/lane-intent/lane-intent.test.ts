import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { systemClock } from '@certfleet/shared/clock.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { TestAgent, enrol, reportOf, silentLogger, startReplica, until } from '../dispatch/testing/test-fleet.ts';
import type { TestReplica } from '../dispatch/testing/test-fleet.ts';
import { FileIntentStore } from '../intent/file-intent-store.ts';
import { IntentEvents } from '../kube/intent-events.ts';
import { LanePolicies } from '../lanes/lane-policies.ts';
import { redisKeys } from '../redis/redis-keys.ts';
import { LanePolicyFollower } from './lane-policy-follower.ts';
import { LanePolicyReporter } from './lane-policy-reporter.ts';
import { OperatorPauses } from './operator-pauses.ts';

let server: RedisServer;
let directory: string;
const stops: (() => Promise<unknown>)[] = [];
const clock = systemClock;
const log = silentLogger;
const ca = { group: 'cert-manager.io', kind: 'ClusterIssuer', namespace: '', name: 'ca' };
const caKey = 'ClusterIssuer.cert-manager.io//ca';

interface IntentReplica {
  readonly replica: TestReplica;
  readonly store: FileIntentStore;
  readonly follower: LanePolicyFollower;
  readonly pauses: OperatorPauses;
  readonly reporter: LanePolicyReporter;
  readonly policies: LanePolicies;
  readonly lines: string[];
  /** Starts the store, and with it the dispatch. */
  readonly open: () => Promise<void>;
}

/** A replica whose LanePolicies are files; replicas of one prefix share them. */
function intentReplica(prefix: string, policy = {}): IntentReplica {
  const policies = new LanePolicies({ ratePerSecond: 0, maxInFlight: 1_000, ...policy });
  const replica = startReplica({ url: server.url, prefix, policies }, false);
  const store = new FileIntentStore({ directory: join(directory, prefix), clock, log });
  const lines: string[] = [];
  const eventLog = createLogger(1, { write: (line: string) => void lines.push(line) });
  const events = new IntentEvents({ client: undefined, replica: 'r', clock, log: eventLog });
  const view = () => replica.follower.view;
  const { lanes, pauses: laneLanes } = replica.dispatcher;
  const follower: LanePolicyFollower = new LanePolicyFollower({
    ...{ store, policies, lanes, clock, log },
    pauses: laneLanes,
    issuers: () =>
      view()
        .stats(clock.now())
        .issuers.values()
        .map(({ issuer }) => issuer),
  });
  const apply = async (): Promise<void> => {
    follower.refresh();
    await follower.apply();
  };
  const pauses = new OperatorPauses({ store, policies, events, apply, clock, log });
  const reporter = new LanePolicyReporter({
    ...{ store, lanes, events, view, clock, log },
    redis: replica.connections.commands,
    keys: redisKeys(prefix),
    replica: randomUUID(),
    problemOf: (name) => follower.problemOf(name),
  });
  const known = follower.start();
  known.catch(() => undefined);
  replica.dispatcher.start(known);
  stops.push(async () => {
    await store.stop();
    await follower.stop();
    await replica.stop();
  });
  return { replica, store, follower, pauses, reporter, policies, lines, open: () => store.start() };
}

const freshPrefix = (): string => `t-${randomUUID()}`;
const volumes = (count: number): ReturnType<typeof reportOf>[] =>
  Array.from({ length: count }, (_, i) => reportOf({ id: `v${i}` }));
const connected = (replica: TestReplica): Promise<void> =>
  until(() => replica.connections.commands.status === 'ready' && replica.follower.isCurrent);

describe('LanePolicy', () => {
  before(async () => {
    server = await startRedisServer();
    directory = await mkdtemp(join(tmpdir(), 'lane-intent-'));
  });
  after(async () => {
    await server.stop();
    await rm(directory, { recursive: true });
  });
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  test('starts no renewal before the pauses are known', async () => {
    const prefix = freshPrefix();
    const earlier = new FileIntentStore({ directory: join(directory, prefix), clock, log });
    await earlier.start();
    await earlier.create('LanePolicy', { name: 'all', spec: { issuers: ['*'], paused: true, pauseReason: 'x' } });
    await earlier.stop();
    const first = intentReplica(prefix);
    await connected(first.replica);
    await enrol(first.replica, 'node-a', volumes(3));
    // Another fleet does the same work meanwhile.
    const reference = intentReplica(freshPrefix());
    await connected(reference.replica);
    await reference.open();
    await enrol(reference.replica, 'node-a', volumes(3));
    await until(async () => (await reference.replica.dispatcher.nodeQueues.waiting('node-a')) === 3);
    const { dispatcher } = first.replica;
    assert.equal(await dispatcher.nodeQueues.waiting('node-a'), 0);
    assert.equal((await dispatcher.lanes.state(ca)).blocked, 0);
    await first.open();
    await until(async () => (await dispatcher.lanes.state(ca)).blocked === 3);
    assert.equal((await dispatcher.lanes.state(ca)).inFlight, 0);
  });

  test('a paused lane stays paused when Redis loses everything, on every replica and after a restart', async () => {
    const prefix = freshPrefix();
    const [one, two] = [intentReplica(prefix), intentReplica(prefix)];
    for (const each of [one, two]) {
      await connected(each.replica);
      await each.open();
    }
    await one.pauses.pause(ca, { by: 'jane', reason: 'the CA moves' });
    await until(() => two.policies.laneOf(ca).pause !== undefined);
    await one.replica.connections.commands.flushall();
    const three = intentReplica(prefix);
    await connected(three.replica);
    await three.open();
    const session = await enrol(one.replica, 'node-a', volumes(20));
    const agent = new TestAgent(one.replica, prefix, 'node-a', async ({ volumeId, generation }) => {
      const next = reportOf({ id: volumeId, generation: generation + 1, renewAtMs: Date.now() + 3_600_000 });
      await one.replica.index.applyDelta(session, [next], []);
    });
    stops.push(() => agent.stop());
    const state = () => one.replica.dispatcher.lanes.state(ca);
    await until(async () => (await state()).blocked === 20);
    assert.deepEqual(agent.jobs, []);
    const { paused } = await state();
    assert.deepEqual([paused?.by, paused?.reason], ['jane', 'the CA moves']);
    // The pause returns to Redis for replicas that do not know the policy yet.
    await three.follower.apply();
    assert.equal((await one.replica.dispatcher.lanes.storedPauses([ca])).size, 1);
    await two.pauses.resume(ca, 'joe');
    await until(() => agent.jobs.length === 20);
    assert.equal((await one.replica.dispatcher.lanes.storedPauses([ca])).size, 0);
    assert.equal(two.store.list('LanePolicy').length, 1, 'one policy per lane');
  });

  test('a pause recalls renewals that another replica has dispatched', async () => {
    const prefix = freshPrefix();
    const [one, two] = [intentReplica(prefix), intentReplica(prefix)];
    for (const each of [one, two]) {
      await connected(each.replica);
      await each.open();
    }
    await enrol(two.replica, 'node-a', volumes(10));
    await until(async () => (await one.replica.dispatcher.nodeQueues.waiting('node-a')) === 10);
    await one.store.create('LanePolicy', { name: 'all', spec: { issuers: ['*'], paused: true, pauseReason: 'x' } });
    await until(async () => (await one.replica.dispatcher.lanes.state(ca)).inFlight === 0);
    await until(async () => (await one.replica.dispatcher.lanes.state(ca)).blocked === 10);
    // Deferrals remain.
    assert.equal((await two.replica.dispatcher.lanes.state(ca)).paused?.policy, 'all');
  });

  test('a changed limit applies to a running lane on every replica', async () => {
    const prefix = freshPrefix();
    const [one, two] = [intentReplica(prefix, { maxInFlight: 2 }), intentReplica(prefix, { maxInFlight: 2 })];
    for (const each of [one, two]) {
      await connected(each.replica);
      await each.open();
    }
    const { metadata } = await one.store.create('LanePolicy', {
      name: 'ca',
      spec: { issuers: [caKey], maxInFlight: 2 },
    });
    await enrol(one.replica, 'node-a', volumes(8));
    const waiting = () => one.replica.dispatcher.nodeQueues.waiting('node-a');
    await until(async () => (await one.replica.dispatcher.lanes.state(ca)).inFlight === 2);
    await two.store.patchSpec('LanePolicy', metadata.name, { maxInFlight: 6 });
    await until(async () => (await one.replica.dispatcher.lanes.state(ca)).inFlight === 6);
    await until(async () => (await waiting()) >= 6);
    for (const { policies } of [one, two]) assert.equal(policies.laneOf(ca).policy.maxInFlight, 6);
    await two.store.delete('LanePolicy', metadata.name);
    await until(() => one.policies.laneOf(ca).policy.maxInFlight === 2);
  });

  test('precedence orders policies, then the name; a pause of any of them holds', async () => {
    const one = intentReplica(freshPrefix(), { burst: 7 });
    await one.open();
    const create = (name: string, spec: object): Promise<unknown> =>
      one.store.create('LanePolicy', { name, spec: { issuers: ['*'], ...spec } });
    await create('b', { burst: 2, maxInFlight: 2, paused: true, pauseReason: 'b' });
    await create('c', { burst: 3 });
    await create('a', { burst: 4, precedence: 1, priority: 9 });
    await create('z', { issuers: ['other'], burst: 99, precedence: 9 });
    await create('low', { burst: 1, ratePerSecond: 5, precedence: -1 });
    one.follower.refresh();
    const { policy, pause } = one.policies.laneOf(ca);
    const { burst, maxInFlight, priority, ratePerSecond } = policy;
    assert.deepEqual([burst, maxInFlight, priority, ratePerSecond, pause?.policy], [4, 2, 9, 5, 'b']);
  });

  test('an invalid policy changes nothing but still pauses, and says why it does not apply', async () => {
    const one = intentReplica(freshPrefix());
    await connected(one.replica);
    await one.open();
    const windows = [{ cron: '99 99 * * *', durationMs: 60_000 }];
    const pause = { paused: true, pauseReason: 'x' };
    await one.store.create('LanePolicy', { name: 'bad', spec: { issuers: ['*'], burst: 3, windows, ...pause } });
    one.follower.refresh();
    const { policy } = one.policies.laneOf(ca);
    assert.deepEqual([policy.burst, policy.windows, one.policies.laneOf(ca).pause?.policy], [20, [], 'bad']);
    await one.reporter.report();
    const ready = one.store.find('LanePolicy', 'bad')?.status?.conditions?.find(({ type }) => type === 'Ready');
    assert.deepEqual([ready?.status, ready?.reason], ['False', 'InvalidSpec']);
    assert.match(ready?.message ?? '', /cron/);
    assert.ok(one.lines.some((line) => line.includes('"Invalid"') && line.includes('bad')));
  });

  test('an object that no schema allows harms nothing else, and its pause holds', async () => {
    const prefix = freshPrefix();
    const folder = join(directory, prefix, 'lanepolicies');
    await mkdir(folder, { recursive: true });
    const specs = {
      a: { issuers: ['*', 7, 'x'.repeat(5_000)], burst: 'many', paused: true, pauseReason: { odd: true } },
      b: { issuers: 'all', windows: 3 },
      c: { precedence: {} },
      d: { issuers: ['*'], maxInFlight: 3 },
    };
    for (const [name, spec] of Object.entries(specs)) {
      const metadata = { name, uid: name, resourceVersion: '1', generation: 1 };
      await writeFile(join(folder, `${name}.json`), JSON.stringify({ metadata, spec, status: { conditions: 1 } }));
    }
    const one = intentReplica(prefix);
    await connected(one.replica);
    await one.open();
    one.follower.refresh();
    const { policy, pause } = one.policies.laneOf(ca);
    assert.deepEqual([policy.burst, policy.maxInFlight, pause?.policy], [20, 3, 'a']);
    for (const name of ['a', 'b', 'c']) assert.ok(one.follower.problemOf(name), name);
    assert.equal(one.follower.problemOf('d'), undefined);
    await one.reporter.report();
    const ready = (name: string) =>
      one.store.find('LanePolicy', name)?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
    assert.deepEqual(['a', 'b', 'c', 'd'].map(ready), ['False', 'False', 'False', 'True']);
  });

  test('a lane that another policy pauses cannot be resumed as if it were not', async () => {
    const one = intentReplica(freshPrefix());
    await connected(one.replica);
    await one.open();
    await one.store.create('LanePolicy', { name: 'gitops', spec: { issuers: ['*'], paused: true, pauseReason: 'x' } });
    await one.pauses.pause(ca, { by: 'jane', reason: 'too' });
    await assert.rejects(one.pauses.resume(ca, 'joe'), { code: 'failed-precondition', message: /gitops/ });
    assert.equal(one.store.list('LanePolicy').filter(({ spec }) => spec.paused).length, 2);
    assert.ok(one.lines.some((line) => line.includes('ResumeRefused') && line.includes('joe')));
    await one.store.delete('LanePolicy', 'gitops');
    await one.pauses.resume(ca, 'joe');
    assert.equal(one.policies.laneOf(ca).pause, undefined);
  });

  test('refuses to pause an issuer whose invented name is a pattern', async () => {
    const one = intentReplica(freshPrefix());
    await connected(one.replica);
    await one.open();
    const act = one.pauses.pause({ ...ca, name: '*' }, { by: 'jane', reason: 'odd' });
    await assert.rejects(act, { code: 'invalid-argument', message: /pattern/ });
    assert.deepEqual(one.store.list('LanePolicy'), []);
  });

  test('a pause in Redis whose policy was deleted meanwhile ends', async () => {
    const one = intentReplica(freshPrefix());
    await connected(one.replica);
    const { lanes } = one.replica.dispatcher;
    await lanes.pause(ca, { by: 'jane', reason: 'x', atMs: 1, policy: 'lane-gone' });
    await one.open();
    await one.follower.apply();
    assert.equal((await lanes.storedPauses([ca])).size, 0);
  });

  test('the status is written by one replica, only when it changes', async () => {
    const prefix = freshPrefix();
    const [one, two] = [intentReplica(prefix), intentReplica(prefix)];
    for (const each of [one, two]) {
      await connected(each.replica);
      await each.open();
    }
    await enrol(one.replica, 'node-a', volumes(4));
    await one.pauses.pause(ca, { by: 'jane', reason: 'the CA moves' });
    await one.store.create('LanePolicy', { name: 'none', spec: { issuers: ['nothing'] } });
    await until(async () => (await one.replica.dispatcher.lanes.state(ca)).blocked === 4);
    await until(() => one.replica.follower.view.stats(clock.now()).issuers.get(caKey)?.volumes === 4);
    await until(() => two.store.list('LanePolicy').length === 2);
    await one.reporter.report();
    const own = (): NonNullable<ReturnType<typeof one.store.list<'LanePolicy'>>[number]> | undefined =>
      one.store.list('LanePolicy').find(({ spec }) => spec.paused === true);
    const { status, metadata } = own() ?? {};
    const { lanes, pausedLanes, issuers, volumes: count, waiting, inFlight, pacePercent, conditions } = status ?? {};
    assert.deepEqual(
      [lanes, pausedLanes, issuers, count, waiting, inFlight, pacePercent],
      [1, 1, [caKey], 4, 4, 0, 100],
    );
    const shown = conditions?.map((condition) => `${condition.type}=${condition.status} ${condition.message}`);
    assert.deepEqual(shown?.[1], 'Paused=True the CA moves (jane)');
    assert.equal(one.store.find('LanePolicy', 'none')?.status?.lanes, 0);
    const written = metadata?.resourceVersion;
    await one.reporter.report();
    assert.equal(own()?.metadata.resourceVersion, written);
    await one.pauses.resume(ca, 'joe');
    await until(() => two.store.list('LanePolicy').every(({ spec }) => spec.paused !== true));
    await two.reporter.report();
    const conditionsOf = () => one.store.list('LanePolicy')[0]?.status?.conditions?.map(({ status: value }) => value);
    assert.deepEqual(conditionsOf(), ['True', 'True'], 'the other replica has the lease');
    await one.reporter.report();
    assert.deepEqual(conditionsOf(), ['True', 'False']);
    assert.deepEqual(
      one.lines.map((line) => (JSON.parse(line) as { reason: string }).reason),
      ['PauseRequested', 'Paused', 'ResumeRequested', 'Resumed'],
    );
  });
});
