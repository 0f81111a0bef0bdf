// Renewals on demand as Kubernetes objects: a real API server with the chart's definitions, a real Redis, replicas in
// processes of their own, and agents' links. Each test has its own Redis.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Renewal } from '../../../libs/operator-api/src/renewals.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { eventually } from './eventually.ts';
import { GatedVolumes } from './gated-volumes.ts';
import { reportOf } from './operated-fleet.ts';
import { RenewalFleet, renewalObject } from './renewal-fleet.ts';
import type { KubeRenewal } from './renewal-fleet.ts';

const everyVolume = Array.from({ length: 10 }, (_, i) => `csi-${i}`);
const shop = { selection: { namespace: 'shop' } };

const uniqueName = (): string => `renewal-${randomBytes(4).toString('hex')}`;

function conditionOf({ status }: KubeRenewal, type: string): string {
  const { status: value, reason } = status?.conditions?.find((each) => each.type === type) ?? {};
  return `${value} ${reason}`;
}

async function untilAllKnown(fleet: RenewalFleet): Promise<void> {
  await eventually('all volumes', async () => {
    const { body } = await fleet.api<{ total: number }>('volumes');
    return body.total === everyVolume.length;
  });
}

/** Connects a node whose volumes are alone in a namespace and of an issuer, both of the name of the node. */
async function connectNode(fleet: RenewalFleet, node: string): Promise<OwnVolumes> {
  const volumes = new GatedVolumes();
  for (const id of everyVolume) volumes.set(id, reportOf(id, { namespace: node, issuer: node }));
  await fleet.connectAgent('one', node, volumes);
  // Any replica may select.
  for (const replica of fleet.replicas.keys())
    await eventually('its volumes', async () => {
      const { body } = await fleet.api<{ total: number }>(`volumes?node=${node}`, { replica });
      return body.total === everyVolume.length;
    });
  return { volumes, selection: { namespace: node } };
}

interface OwnVolumes {
  readonly volumes: GatedVolumes;
  readonly selection: { readonly namespace: string };
}

/** Adds the tests to the file that has started the cluster with the chart's definitions. */
export function renewalObjectSuite(cluster: () => Cluster): void {
  /** A fleet with one replica and a connected agent. */
  async function startFleet(): Promise<RenewalFleet> {
    const fleet = await RenewalFleet.start({ cluster: cluster() });
    await fleet.startReplica('one');
    await fleet.connectAgent('one');
    return fleet;
  }

  describe('Renewal objects', { concurrency: 1 }, () => {
    // Each has the volumes of its own node.
    describe('of one fleet, at the same time', { concurrency: 4 }, () => {
      let fleet: RenewalFleet;
      before(async () => {
        fleet = await RenewalFleet.start({ cluster: cluster() });
        await Promise.all([fleet.startReplica('one'), fleet.startReplica('two')]);
      });
      after(() => fleet[Symbol.asyncDispose]());

      test('an object of kubectl is carried out once, shown everywhere and recorded', async () => {
        const { volumes, selection } = await connectNode(fleet, 'node-a');
        const name = uniqueName();
        await cluster().apply(renewalObject(name, { selection }));
        const running = await fleet.untilState(name, 'Running');
        assert.equal(conditionOf(running, 'Accepted'), 'True Selected');
        assert.equal(conditionOf(running, 'Reconciling'), 'True Renewing');
        volumes.permit(10);
        const done = await fleet.untilState(name, 'Completed');
        assert.deepEqual(volumes.renewed, everyVolume);
        const { progress, renewed, pending, observedGeneration, completionTime } = done.status ?? {};
        assert.deepEqual([progress, renewed, pending, observedGeneration], ['10/10', 10, 0, done.metadata.generation]);
        assert.ok(completionTime !== undefined);
        assert.equal(conditionOf(done, 'Complete'), 'True Renewed');
        assert.equal(conditionOf(done, 'Reconciling'), 'undefined undefined');
        const { stdout } = await cluster().kubectl(['get', 'renewals', name]);
        assert.match(stdout, /STATE +PROGRESS.*\n\S+ +Completed +10\/10 .*CA roll-out/);
        await eventually('its events', async () => (await fleet.events(name)).length === 2);
        assert.deepEqual([...(await fleet.events(name))].sort(), ['Accepted', 'Completed']);
        const { state, by } = (await fleet.shown(name)) ?? {};
        assert.deepEqual([state, by], ['finished', 'Kubernetes API']);
        const entries = (await fleet.audit()).filter(({ target }) => target === 'namespace=node-a');
        assert.deepEqual(
          entries.map(({ who, action, reason }) => [who, action, reason]),
          [['Kubernetes API', 'renew', 'CA roll-out']],
        );
      });

      test('two replicas accept an object once', async () => {
        const { volumes, selection } = await connectNode(fleet, 'node-b');
        const names = [uniqueName(), uniqueName(), uniqueName()];
        await Promise.all(names.map((name) => fleet.apply(name, { selection })));
        for (const name of names) await fleet.untilState(name, 'Running');
        volumes.permit(100);
        for (const name of names) {
          const { status } = await fleet.untilState(name, 'Completed');
          assert.deepEqual([status?.total, status?.renewed], [10, 10]);
          await eventually('its events', async () => (await fleet.events(name)).includes('Completed'));
          assert.deepEqual([...(await fleet.events(name))].sort(), ['Accepted', 'Completed']);
        }
        const entries = (await fleet.audit()).filter(({ target }) => target === 'namespace=node-b');
        assert.equal(entries.length, 3);
      });

      test('invalid selections, dry runs and selections of nothing start nothing and say so', async () => {
        const { volumes, selection } = await connectNode(fleet, 'node-c');
        const [invalid, dry, empty, selector] = [uniqueName(), uniqueName(), uniqueName(), uniqueName()];
        await fleet.apply(invalid, { selection: { issuer: 'Issuer/ca' } });
        await fleet.apply(dry, { selection, dryRun: true });
        await fleet.apply(empty, { selection: { namespace: 'nowhere' } });
        await fleet.apply(selector, { selection: { labelSelector: '!!' } });
        const rejected = await fleet.untilState(invalid, 'Failed');
        assert.equal(conditionOf(rejected, 'Failed'), 'True InvalidSelection');
        assert.equal(conditionOf(rejected, 'Stalled'), 'True InvalidSelection');
        assert.match(rejected.status?.conditions?.[0]?.message ?? '', /selection\.issuer: expected kind\.group/);
        await eventually('its event', async () => (await fleet.events(invalid)).includes('InvalidSelection'));
        assert.equal((await fleet.shown(invalid))?.state, 'rejected');
        assert.equal(conditionOf(await fleet.untilState(selector, 'Failed'), 'Failed'), 'True InvalidSelection');
        const counted = await fleet.untilState(dry, 'Completed');
        assert.deepEqual([counted.status?.total, conditionOf(counted, 'Complete')], [10, 'True DryRun']);
        assert.equal(conditionOf(await fleet.untilState(empty, 'Completed'), 'Complete'), 'True NothingSelected');
        assert.deepEqual(volumes.begun, []);
        const refusals = (await fleet.audit()).filter(({ outcome }) => outcome === 'refused');
        assert.equal(refusals.length, 2);
      });

      test('a finished object is deleted after its ttl', async () => {
        const { volumes, selection } = await connectNode(fleet, 'node-d');
        const name = uniqueName();
        await fleet.apply(name, { selection, ttlSecondsAfterFinished: 1 });
        volumes.permit(100);
        await eventually('the renewals', () => volumes.renewed.length === 10);
        await eventually('the object to be gone', async () => (await fleet.object(name)) === undefined);
        assert.deepEqual(volumes.renewed, everyVolume);
      });
    });

    test('a request of the API is an object first, and is rebuilt from it after Redis lost everything', async () => {
      await using fleet = await startFleet();
      await untilAllKnown(fleet);
      const json = { selection: { namespace: 'shop' }, reason: 'leaked key', ignoreWindows: true };
      const { status, body } = await fleet.api<Renewal>('renewals', { json });
      assert.deepEqual([status, body.total, body.pending], [202, 10, 10]);
      const object = await fleet.object(body.id);
      assert.deepEqual(object?.spec, {
        ...json,
        requester: 'local',
        ttlSecondsAfterFinished: 604_800,
      });
      await eventually('begun renewals', () => fleet.volumes.begun.length >= 2);
      fleet.volumes.permit(4);
      await eventually('four renewals', () => fleet.volumes.renewed.length === 4);
      await fleet.flush();
      await eventually('the list', async () => (await fleet.shown(body.id))?.state === 'running');
      fleet.volumes.permit(100);
      const done = await fleet.untilState(body.id, 'Completed');
      assert.equal(done.status?.renewed, 10);
      assert.deepEqual(fleet.volumes.renewed, everyVolume);
      await fleet.untilEvents(body.id, 'Completed');
      assert.equal((await fleet.shown(body.id))?.renewed, 10);
    });

    test('nothing is lost or repeated when replicas are killed, also between the object and Redis', async () => {
      await using fleet = await startFleet();
      await fleet.startReplica('two');
      const name = uniqueName();
      await fleet.apply(name, shop);
      await fleet.untilState(name, 'Running');
      fleet.volumes.permit(3);
      await eventually('three renewals', () => fleet.volumes.renewed.length === 3);
      fleet.killReplica('one');
      await fleet.connectAgent('two');
      fleet.volumes.permit(3);
      // The queue returns the renewals that were in progress on the closed link after their locks expire.
      await eventually('six renewals', () => fleet.volumes.renewed.length === 6, 120_000);
      // No replica, no Redis data, and a later start.
      fleet.killReplica('two');
      await fleet.flush();
      await fleet.startReplica('three');
      await fleet.connectAgent('three');
      fleet.volumes.permit(100);
      const done = await fleet.untilState(name, 'Completed');
      assert.deepEqual(fleet.volumes.renewed, everyVolume);
      assert.equal(done.status?.renewed, 10);
    });

    test('suspend recalls what no agent has begun, and resume continues without repetitions', async () => {
      await using fleet = await startFleet();
      const name = uniqueName();
      await fleet.apply(name, shop);
      await eventually('begun renewals', () => fleet.volumes.begun.length === 2);
      await fleet.patch(name, { suspend: true });
      const suspended = await fleet.untilState(name, 'Suspended');
      assert.equal(conditionOf(suspended, 'Suspended'), 'True Suspended');
      fleet.volumes.permit(100);
      await eventually('the two begun renewals to end', () => fleet.volumes.renewed.length === 2);
      // Loses also what Redis knows about the suspension.
      await fleet.flush();
      await untilAllKnown(fleet);
      assert.equal((await fleet.shown(name))?.state, 'suspended');
      assert.equal(fleet.volumes.begun.length, 2);
      await fleet.patch(name, { suspend: false });
      const done = await fleet.untilState(name, 'Completed');
      assert.deepEqual(fleet.volumes.renewed, everyVolume);
      assert.equal(done.status?.renewed, 10);
      await fleet.untilEvents(name, 'Suspended', 'Resumed');
    });

    test('a canary is renewed first; the others wait for an approval, which GitOps and losses do not revert', async () => {
      await using fleet = await startFleet();
      const name = uniqueName();
      const spec = { ...shop, canary: { volumes: 3 } };
      await fleet.apply(name, spec);
      fleet.volumes.permit(100);
      const waiting = await fleet.untilState(name, 'AwaitingApproval');
      assert.deepEqual([waiting.status?.pending, waiting.status?.renewed], [7, 3]);
      assert.equal(conditionOf(waiting, 'Reconciling'), 'True AwaitingApproval');
      assert.deepEqual([fleet.volumes.begun.length, fleet.volumes.renewed.length], [3, 3]);
      // Neither a new replica nor an empty Redis starts the others.
      fleet.killReplica('one');
      await fleet.flush();
      await fleet.startReplica('two');
      await fleet.connectAgent('two');
      await untilAllKnown(fleet);
      await eventually('the wait', async () => (await fleet.shown(name))?.state === 'awaiting-approval');
      assert.deepEqual((await fleet.shown(name))?.canary, { total: 3, pending: 0 });
      assert.equal(fleet.volumes.begun.length, 3);
      const { status, body } = await fleet.api<Renewal>(`renewals/${name}/approve`, { method: 'POST' });
      assert.deepEqual([status, body.canary?.approvedBy], [200, 'local']);
      await fleet.apply(name, spec);
      const done = await fleet.untilState(name, 'Completed');
      assert.deepEqual(fleet.volumes.renewed, everyVolume);
      assert.deepEqual([done.status?.renewed, done.metadata.generation], [10, waiting.metadata.generation]);
      const actions = (await fleet.audit()).map(({ who, action }) => `${who} ${action}`);
      assert.ok(actions.includes('local approve'), actions.join());
      const second = uniqueName();
      await fleet.apply(second, spec);
      await fleet.untilState(second, 'AwaitingApproval');
      await fleet.patch(second, { canary: { approved: true } });
      assert.equal((await fleet.untilState(second, 'Completed')).status?.canary?.approvedBy, 'Kubernetes API');
      assert.equal(fleet.volumes.renewed.length, 20);
      await assert.rejects(fleet.patch(second, { canary: { volumes: 4 } }), /canary.volumes is immutable/);
    });

    test('a renewal stops after failures, and remains stopped until it is resumed', async () => {
      await using fleet = await startFleet();
      const name = uniqueName();
      const spec = { ...shop, stopAfterFailures: 1 };
      fleet.volumes.isRefusing = true;
      await fleet.apply(name, spec);
      await eventually('begun renewals', () => fleet.volumes.begun.length === 2);
      fleet.volumes.permit(1);
      const stopped = await fleet.untilState(name, 'Stopped');
      assert.equal(conditionOf(stopped, 'Stalled'), 'True TooManyFailures');
      await eventually('the recall of what waits', async () => (await fleet.waitingJobs()) === 0);
      fleet.volumes.isRefusing = false;
      const { length } = fleet.volumes.begun;
      // The agent begins one more while the failure is reported.
      assert.ok(length <= 3, fleet.volumes.begun.join());
      fleet.volumes.permit(length - 1);
      await eventually('the begun renewals to end', () => fleet.volumes.renewed.length === length - 1);
      await fleet.flush();
      await fleet.apply(name, spec);
      await untilAllKnown(fleet);
      assert.equal((await fleet.shown(name))?.state, 'stopped');
      assert.equal(fleet.volumes.begun.length, length);
      assert.equal((await fleet.api(`renewals/${name}/resume`, { method: 'POST' })).status, 200);
      fleet.volumes.permit(100);
      const done = await fleet.untilState(name, 'Completed');
      assert.deepEqual(fleet.volumes.renewed, everyVolume);
      assert.equal(done.metadata.generation, stopped.metadata.generation);
      await fleet.untilEvents(name, 'Stopped', 'Resumed');
    });

    test('a deleted object executes nothing more, also after a failover to data before the deletion', async () => {
      await using fleet = await startFleet();
      const name = uniqueName();
      await fleet.apply(name, shop);
      await eventually('begun renewals', () => fleet.volumes.begun.length === 2);
      await fleet.save();
      await fleet.delete(name);
      await eventually('the cancellation', async () => (await fleet.shown(name))?.state === 'cancelled');
      await fleet.restoreSaved();
      await eventually('the cancellation again', async () => (await fleet.shown(name))?.state === 'cancelled');
      await eventually('the recall of what waits', async () => (await fleet.waitingJobs()) === 0);
      fleet.volumes.permit(100);
      await eventually('the two begun renewals to end', () => fleet.volumes.renewed.length === 2);
      await eventually('nothing to be pending', async () => (await fleet.shown(name))?.pending === 0);
      assert.equal(fleet.volumes.renewed.length, 2);
    });

    test('the audit log is rebuilt from Events and objects when Redis loses everything', async () => {
      await using fleet = await startFleet();
      const name = uniqueName();
      await fleet.apply(name, shop);
      await fleet.untilState(name, 'Running');
      await fleet.api(`renewals/${name}/suspend`, { method: 'POST' });
      const json = { selection: { namespace: 'shop' }, reason: 'a leaked key' };
      const { body } = await fleet.api<Renewal>('renewals', { json });
      const summaries = async (): Promise<readonly string[]> =>
        (await fleet.audit())
          .map(({ who, action, target, at, reason }) => [at, who, action, target, reason].join(' '))
          .sort();
      const before = await summaries();
      assert.ok(before.length >= 3, before.join('\n'));
      await eventually('the Events of all entries', async () => (await fleet.auditEvents()) === before.length);
      await fleet.flush();
      await eventually('the rebuilt audit log', async () => (await fleet.audit()).length >= before.length);
      assert.deepEqual(await summaries(), before);
      assert.ok((await fleet.allEvents(body.id)).includes('OperatorAction'));
    });

    test('an object that was deleted while no replica ran executes nothing after the start', async () => {
      await using fleet = await startFleet();
      const name = uniqueName();
      await fleet.apply(name, shop);
      await eventually('begun renewals', () => fleet.volumes.begun.length === 2);
      fleet.killReplica('one');
      await fleet.delete(name);
      await fleet.startReplica('two');
      await eventually('the cancellation', async () => (await fleet.shown(name))?.state === 'cancelled');
      await fleet.connectAgent('two');
      fleet.volumes.permit(100);
      await eventually('nothing to be pending', async () => (await fleet.shown(name))?.pending === 0);
      assert.ok(fleet.volumes.renewed.length <= 2, fleet.volumes.renewed.join());
    });

    test('without the API server, requests are refused clearly and running renewals continue', async () => {
      await using fleet = await startFleet();
      const name = uniqueName();
      await fleet.apply(name, shop);
      await eventually('begun renewals', () => fleet.volumes.begun.length === 2);
      await cluster().apiServer.kill();
      try {
        const json = { selection: { namespace: 'shop' }, reason: 'test' };
        const { status, body } = await fleet.api<{ message: string }>('renewals', { json });
        assert.equal(status, 503);
        assert.match(body.message, /renewal \S+ could not be stored.*repeat it later/);
        assert.equal((await fleet.api('renewals/x', { method: 'DELETE' })).status, 404);
        assert.equal((await fleet.api(`renewals/${name}`, { method: 'DELETE' })).status, 503);
        fleet.volumes.permit(100);
        await eventually('all renewals', () => fleet.volumes.renewed.length === 10);
        await eventually('their reports', async () => (await fleet.shown(name))?.renewed === 10);
      } finally {
        await cluster().apiServer.start();
      }
      await fleet.untilState(name, 'Completed');
      assert.deepEqual(fleet.volumes.renewed, everyVolume);
    });
  });
}

/** Adds the tests without Kubernetes. */
export function renewalFileSuite(): void {
  describe('Renewals in files, without Kubernetes', () => {
    const json = { selection: { namespace: 'shop' }, reason: 'test', requestId: 'first' };
    const directories: string[] = [];
    const startFleet = async (): Promise<RenewalFleet> => {
      const directory = await mkdtemp(join(tmpdir(), 'certfleet-intent-'));
      directories.push(directory);
      const fleet = await RenewalFleet.start({ flags: [`--intent-directory=${directory}`] });
      await fleet.startReplica('one');
      await fleet.connectAgent('one');
      await untilAllKnown(fleet);
      return fleet;
    };
    after(() => Promise.all(directories.map((directory) => rm(directory, { recursive: true }))));

    test('a request is carried out once although its replica and Redis are lost as soon as it is answered', async () => {
      await using fleet = await startFleet();
      const { status, body: renewal } = await fleet.api<Renewal>('renewals', { json });
      fleet.killReplica('one');
      assert.deepEqual([status, renewal.total, renewal.pending], [202, 10, 10]);
      await fleet.flush();
      await fleet.startReplica('two');
      await fleet.connectAgent('two');
      await untilAllKnown(fleet);
      // The client does not know whether the answer was the last word.
      assert.equal((await fleet.api<Renewal>('renewals', { json })).body.id, renewal.id);
      fleet.volumes.permit(100);
      await eventually('the end', async () => (await fleet.shown(renewal.id))?.state === 'finished', 60_000);
      assert.deepEqual(fleet.volumes.renewed, everyVolume);
      assert.equal((await fleet.shown(renewal.id))?.renewed, 10);
    });

    test('survive the loss of Redis and of the replica, and can be suspended, resumed and cancelled', async () => {
      await using fleet = await startFleet();
      const { body: renewal } = await fleet.api<Renewal>('renewals', { json });
      // A repeated request with the same id is the same renewal.
      assert.equal((await fleet.api<Renewal>('renewals', { json })).body.id, renewal.id);
      await eventually('begun renewals', () => fleet.volumes.begun.length === 2);
      const { body } = await fleet.api<Renewal>(`renewals/${renewal.id}/suspend`, { method: 'POST' });
      assert.equal(body.state, 'suspended');
      fleet.volumes.permit(2);
      await eventually('the two begun renewals to end', () => fleet.volumes.renewed.length === 2);
      fleet.killReplica('one');
      await fleet.flush();
      await fleet.startReplica('two');
      await fleet.connectAgent('two');
      await eventually('the list', async () => (await fleet.shown(renewal.id))?.state === 'suspended');
      assert.equal(fleet.volumes.begun.length, 2);
      const audited = async (): Promise<readonly string[]> =>
        (await fleet.audit()).map(({ who, action, outcome }) => `${who} ${action} ${outcome}`);
      // The flush of Redis removed the earlier entries; the object says who requested it.
      await eventually('the restored entry', async () => (await audited()).includes('local renew done'));
      await fleet.api(`renewals/${renewal.id}/resume`, { method: 'POST' });
      await eventually('further renewals', () => fleet.volumes.begun.length === 4);
      const cancelled = await fleet.api<Renewal>(`renewals/${renewal.id}`, { method: 'DELETE' });
      assert.deepEqual([cancelled.status, cancelled.body.state], [200, 'cancelled']);
      fleet.volumes.permit(100);
      await eventually('nothing to be pending', async () => (await fleet.shown(renewal.id))?.pending === 0);
      assert.equal(fleet.volumes.renewed.length, 4);
      assert.deepEqual(await audited(), ['local cancel done', 'local resume done', 'local renew done']);
    });
  });
}
