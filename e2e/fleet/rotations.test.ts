// Renewals on demand and CA rotations: real replicas and Redis, an agent's link, and objects in a real API server or in
// files.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startCluster } from '../cluster/cluster.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Rotation } from '../../libs/operator-api/src/rotations.ts';
import { eventually } from './support/eventually.ts';
import { reportOf } from './support/operated-fleet.ts';
import { installDefinitions } from './support/renewal-fleet.ts';
import { renewalFileSuite, renewalObjectSuite } from './support/renewal-suite.ts';
import { RotationFleet } from './support/rotation-fleet.ts';

type Held = 'Trust' | 'Reissue' | 'Verify' | 'Retire';

/** Leads a rotation into a phase in which it stays. @returns what lets it continue */
async function reach(rotation: RotationFleet, phase: Held): Promise<() => void> {
  const { volumes } = rotation;
  rotation.followsTrust = phase !== 'Trust';
  if (phase === 'Verify') volumes.served.set('csi-3', 'not-loaded');
  await rotation.begin(phase === 'Retire' ? { holdBefore: ['Retire'] } : {});
  if (phase === 'Trust') {
    await rotation.until(phase, ({ waitingFor }) => waitingFor === 'TrustNotVerified');
    return () => (rotation.followsTrust = true);
  }
  await rotation.until('the test of the issuer', ({ waitingFor }) => waitingFor === 'IssuerNotSwitched');
  const release = (): void => void (volumes.issuerCa = rotation.new.fingerprint);
  if (phase === 'Reissue') return release;
  release();
  // A change of the spec ends the wait between two tests.
  await rotation.act('suspend');
  await rotation.act('resume');
  if (phase === 'Verify') {
    await rotation.until(phase, ({ waitingFor }) => waitingFor === 'NotLoaded');
    return () => {
      volumes.served.set('csi-3', 'served');
      volumes.reportAgain();
    };
  }
  await rotation.until('the approval', ({ awaitsApproval }) => awaitsApproval === 'Retire');
  rotation.followsTrust = false;
  await rotation.act('approve', { phase: 'Retire' });
  await rotation.until(phase, ({ waitingFor }) => waitingFor === 'RootNotRemoved');
  return () => (rotation.followsTrust = true);
}

/** Lets csi-3 load its certificate and approves the phase Retire, in which the nodes keep the old root for now. */
async function beginToRetire(rotation: RotationFleet): Promise<void> {
  const { volumes } = rotation;
  volumes.served.set('csi-3', 'served');
  volumes.reportAgain();
  await rotation.until('the approval', ({ awaitsApproval }) => awaitsApproval === 'Retire');
  rotation.followsTrust = false;
  await rotation.act('approve', { phase: 'Retire' });
  await rotation.until('Retire', ({ waitingFor }) => waitingFor === 'RootNotRemoved');
}

interface Clusters {
  readonly renewals: Cluster;
  readonly rotations: Cluster;
}

let clusters: Clusters;
const isGiven = (process.env['CERTFLEET_E2E_KUBECONFIG'] ?? '') !== '';

async function startApiServer(): Promise<Cluster> {
  const cluster = await startCluster({ nodes: 'control-plane', certManager: false });
  await installDefinitions(cluster);
  return cluster;
}

// They wait most of the time. Replicas act on all objects of their API server: suites that run at the same time have one
// each, and its tests run one after another. Without its own number, a suite inherits that of the suite around it.
describe('without and with Kubernetes', { concurrency: 3 }, () => {
  before(async () => {
    const [renewals, rotations] = await Promise.all([startApiServer(), startApiServer()]);
    clusters = { renewals, rotations };
  });
  after(() => Promise.all([clusters.renewals.stop(), clusters.rotations.stop()]));
  renewalFileSuite();
  rotationFileSuite();
  describe('with', { concurrency: isGiven ? 1 : 2 }, () => {
    renewalObjectSuite(() => clusters.renewals);
    rotationObjectSuite();
  });
});

function rotationFileSuite(): void {
  describe('CA rotations with objects in files', { concurrency: 6 }, () => {
    test('goes through all phases; a pod that does not load its certificate stops it, is named, and lets it go on', async () => {
      await using rotation = await RotationFleet.start();
      const { volumes } = rotation;
      for (const id of volumes.ids()) volumes.served.set(id, 'served');
      volumes.served.set('csi-3', 'not-loaded');
      volumes.reportAgain();
      await rotation.begin({ holdBefore: ['Retire'] });
      const waiting = await rotation.until('the test', ({ waitingFor }) => waitingFor === 'IssuerNotSwitched');
      assert.equal(waiting.phase, 'Reissue');
      assert.deepEqual(waiting.blocking.issuers, ['ClusterIssuer.cert-manager.io//corporate']);
      const renewals = (): number => volumes.renewals.length;
      assert.equal(renewals(), 1, 'one volume is renewed while the issuer has not switched');
      volumes.issuerCa = rotation.new.fingerprint;
      await rotation.act('suspend');
      await rotation.until('the suspension', ({ waitingFor }) => waitingFor === 'Suspended');
      await rotation.act('resume');
      const stopped = await rotation.until('the stop', ({ waitingFor }) => waitingFor === 'NotLoaded');
      assert.equal(stopped.phase, 'Verify');
      assert.ok(stopped.isStalled);
      assert.deepEqual(
        stopped.blocking.volumes.map(({ volumeId }) => volumeId),
        ['csi-3'],
      );
      volumes.served.set('csi-3', 'served');
      volumes.reportAgain();
      await rotation.until('the gate', ({ awaitsApproval }) => awaitsApproval === 'Retire');
      assert.deepEqual(
        new Set(volumes.trusted.get('csi-1')),
        new Set([rotation.old.fingerprint, rotation.new.fingerprint]),
      );
      await rotation.act('approve', { phase: 'Retire' });
      const { counts } = await rotation.until('the end', ({ phase }) => phase === 'Completed');
      assert.deepEqual([counts.total, counts.reissued, counts.retired, counts.blocked], [10, 10, 10, 0]);
      for (const trusted of volumes.trusted.values()) assert.deepEqual(trusted, [rotation.new.fingerprint]);
      assert.ok(renewals() <= 12, `${renewals()} renewals`);
      const audited = (await rotation.fleet.audit()).map(({ who, action, outcome }) => `${who} ${action} ${outcome}`);
      assert.deepEqual(audited.sort(), [
        'local approve done',
        'local resume done',
        'local rotate done',
        'local suspend done',
      ]);
    });

    test('the loss of every replica and of Redis in each phase changes nothing of the outcome', async () => {
      await using rotation = await RotationFleet.start();
      const { volumes } = rotation;
      volumes.served.set('csi-3', 'not-loaded');
      const loseEverything = async (phase: Held): Promise<void> => {
        await rotation.loseEverything();
        await eventually('the rotation', async () => (await rotation.shown()).phase === phase);
      };
      rotation.followsTrust = false;
      await rotation.begin({ holdBefore: ['Retire'] });
      await rotation.until('Trust', ({ waitingFor }) => waitingFor === 'TrustNotVerified');
      await loseEverything('Trust');
      rotation.followsTrust = true;
      await rotation.until('Reissue', ({ waitingFor }) => waitingFor === 'IssuerNotSwitched');
      await loseEverything('Reissue');
      volumes.issuerCa = rotation.new.fingerprint;
      // A change of the spec ends the wait between two tests.
      await rotation.act('suspend');
      await rotation.act('resume');
      await rotation.until('Verify', ({ waitingFor }) => waitingFor === 'NotLoaded');
      await loseEverything('Verify');
      await beginToRetire(rotation);
      await loseEverything('Retire');
      rotation.followsTrust = true;
      await rotation.until('the end', (shown) => shown.phase === 'Completed');
      for (const trusted of volumes.trusted.values()) assert.deepEqual(trusted, [rotation.new.fingerprint]);
      assert.ok(volumes.renewed.length <= 14, volumes.renewed.join());
    });

    for (const phase of ['Trust', 'Reissue', 'Verify', 'Retire'] as const) {
      test(`a rollback in ${phase} ends with the old CA alone, also if everything is lost on the way back`, async () => {
        await using rotation = await RotationFleet.start();
        const release = await reach(rotation, phase);
        const { direction } = await rotation.act('rollback');
        assert.equal(direction, 'Forward', 'the direction changes with the next step');
        release();
        await rotation.until('the way back', (shown) => shown.direction === 'Backward');
        await rotation.loseEverything();
        rotation.volumes.issuerCa = rotation.old.fingerprint;
        await rotation.until('the end', (shown) => shown.phase === 'RolledBack');
        for (const trusted of rotation.volumes.trusted.values()) assert.deepEqual(trusted, [rotation.old.fingerprint]);
      });
    }
  });
}

function rotationObjectSuite(): void {
  describe('CA rotations with objects in Kubernetes', { concurrency: 1 }, () => {
    rotationsAtOnce();
    test('the loss of Redis, the API server and every replica in each phase changes nothing of the outcome', async (t) => {
      const { capabilities } = clusters.rotations;
      if (!capabilities.components) {
        t.skip(capabilities.reason);
        return;
      }
      // Some renewals complete; then those that the agent has begun wait.
      await using rotation = await RotationFleet.start(clusters.rotations, 4);
      const { volumes, fleet } = rotation;
      await fleet.startReplica('second');
      for (const id of volumes.ids()) volumes.served.set(id, id === 'csi-3' ? 'not-loaded' : 'served');
      volumes.reportAgain();
      const loseEachPart = async (phase: Held, when: 'at once' | 'replicas later'): Promise<void> => {
        await rotation.loseEachPart(when);
        assert.equal((await rotation.shown()).phase, phase, 'no phase begins before the nodes verify the one before');
      };

      rotation.followsTrust = false;
      await rotation.begin({ holdBefore: ['Retire'] });
      await rotation.until('Trust', ({ waitingFor }) => waitingFor === 'TrustNotVerified');
      await loseEachPart('Trust', 'at once');
      assert.deepEqual(volumes.begun, [], 'nothing is renewed before every volume trusts both CAs');
      rotation.followsTrust = true;

      await rotation.until('Reissue', ({ waitingFor }) => waitingFor === 'IssuerNotSwitched');
      const tests = volumes.renewals.length;
      volumes.issuerCa = rotation.new.fingerprint;
      await rotation.act('suspend');
      await rotation.act('resume');
      await eventually('begun renewals that wait', () => volumes.begun.length > Math.max(4, volumes.renewals.length));
      await loseEachPart('Reissue', 'replicas later');
      assert.ok(volumes.cas.size === 2, 'the loss is in the middle of the phase');
      volumes.permit(100_000);

      const isNotLoaded = ({ phase, waitingFor }: Rotation): boolean =>
        phase === 'Verify' && waitingFor === 'NotLoaded';
      await rotation.until('Verify', isNotLoaded);
      await loseEachPart('Verify', 'at once');
      const { blocking } = await rotation.until('the pod that blocks', isNotLoaded);
      assert.deepEqual(
        blocking.volumes.map(({ volumeId }) => volumeId),
        ['csi-3'],
      );
      await beginToRetire(rotation);
      await loseEachPart('Retire', 'at once');
      rotation.followsTrust = true;
      const { counts } = await rotation.until('the end', ({ phase }) => phase === 'Completed');
      assert.deepEqual([counts.total, counts.reissued, counts.retired, counts.blocked], [10, 10, 10, 0]);
      for (const trusted of volumes.trusted.values()) assert.deepEqual(trusted, [rotation.new.fingerprint]);
      const reissued = volumes.renewals.slice(tests).map(({ volumeId }) => volumeId);
      assert.deepEqual(reissued.sort(), [...volumes.ids()].sort(), 'each volume has got the new CA by one renewal');
    });
  });
}

/** Rotations of three issuers of one fleet, with a node each. */
function rotationsAtOnce(): void {
  describe('of three issuers at the same time', { concurrency: 3 }, () => {
    let host: RotationFleet;
    before(async () => {
      host = await RotationFleet.start(clusters.rotations);
      await host.fleet.startReplica('second');
    });
    after(() => host[Symbol.asyncDispose]());

    test('two replicas carry out a rotation once, and kubectl shows its phases, Events and owned Renewals', async () => {
      const rotation = await host.another('internal', 'node-b');
      const release = await reach(rotation, 'Reissue');
      const { stdout } = await clusters.rotations.kubectl(['get', 'carotations', rotation.name]);
      assert.match(stdout, /PHASE +PROGRESS +WAITING FOR.*\n\S+ +Reissue +0\/10 +IssuerNotSwitched/);
      release();
      await rotation.until('the end', ({ phase }) => phase === 'Completed');
      for (const trusted of rotation.volumes.trusted.values()) assert.deepEqual(trusted, [rotation.new.fingerprint]);
      assert.ok(rotation.volumes.renewed.length <= 14, rotation.volumes.renewed.join());
      const selector = `involvedObject.kind=CARotation,involvedObject.name=${rotation.name}`;
      const reasons = ['TrustStarted', 'ReissueStarted', 'IssuerNotSwitched', 'RetireStarted', 'Completed'];
      let seen: readonly string[] = [];
      await eventually('the Events', async () => {
        seen = await rotation.fleet.eventReasons(selector);
        return reasons.every((reason) => seen.includes(reason));
      });
      for (const reason of reasons) assert.equal(seen.filter((each) => each === reason).length, 1, seen.join());
      await eventually('no Renewals', async () => (await rotation.renewals()).length === 0);
      await eventually('no finalizer', async () => ((await rotation.stored())?.metadata.finalizers ?? []).length === 0);
    });

    test('a deleted rotation remains while both CAs are in use, and goes after its rollback', async () => {
      const rotation = await host.another('partners', 'node-c');
      const release = await reach(rotation, 'Verify');
      await clusters.rotations.kubectl(['delete', 'carotation', rotation.name, '--wait=false']);
      // A volume that is not renewed yet keeps both CAs in use.
      rotation.volumes.issuerCa = rotation.old.fingerprint;
      const report = rotation.volumes.report('csi-0');
      rotation.volumes.set('csi-late', { ...report, volumeId: 'csi-late', generation: 1 });
      await rotation.until('the return to Reissue', ({ waitingFor }) => waitingFor === 'Deleted');
      assert.ok((await rotation.shown()).isDeleted);
      release();
      await rotation.act('rollback');
      await eventually(
        'the end',
        async () => {
          await rotation.followTrust();
          return (await rotation.stored()) === undefined;
        },
        90_000,
      );
      await rotation.followTrust();
      for (const trusted of rotation.volumes.trusted.values()) assert.deepEqual(trusted, [rotation.old.fingerprint]);
    });

    test('an issuer that signs with another CA is noticed; two replicas propose one rotation, which an operator starts', async () => {
      const rotation = host;
      const { volumes, fleet } = rotation;
      rotation.answerQuestions();
      volumes.issuerCa = rotation.new.fingerprint;
      volumes.set('csi-0', reportOf('csi-0', { generation: 2 }));
      let proposed: Rotation | undefined;
      const isSeen = async (): Promise<boolean> =>
        (proposed = (await rotation.list()).find(({ isProposed }) => isProposed)) !== undefined;
      await eventually('the proposal', isSeen, 60_000);
      assert.ok(proposed !== undefined);
      assert.deepEqual([proposed.from, proposed.to], [[rotation.old.fingerprint], [rotation.new.fingerprint]]);
      rotation.name = proposed.id;
      const proposals = ['get', 'carotations', '-l', 'certfleet.io/proposed', '-o', 'name'];
      const { stdout } = await clusters.rotations.kubectl(proposals);
      assert.deepEqual(stdout.trim().split('\n'), [`carotation.certfleet.io/${proposed.id}`]);
      const selector = `involvedObject.name=${proposed.id},reason=CaChangeDetected`;
      await eventually('the Event', async () => (await fleet.eventReasons(selector)).length === 1);
      await rotation.act('resume');
      // Until then, the pods do not trust each other: that is what the rotation repairs.
      await eventually('trust for both CAs', async () => {
        volumes.follow((await rotation.stored())?.status?.trust);
        return [...volumes.trusted.values()].every(({ length }) => length === 2);
      });
      await rotation.until('the gate', ({ awaitsApproval }) => awaitsApproval === 'Retire');
      await rotation.act('approve', { phase: 'Retire' });
      await rotation.until('the end', ({ phase }) => phase === 'Completed');
      for (const trusted of volumes.trusted.values()) assert.deepEqual(trusted, [rotation.new.fingerprint]);

      const apply = (name: string, fingerprint: string): Promise<void> =>
        clusters.rotations.apply({
          ...{ apiVersion: 'certfleet.io/v1alpha1', kind: 'CARotation', metadata: { name } },
          spec: { from: { fingerprint }, to: { certificate: rotation.old.pem }, reason: 'back', suspend: true },
        });
      await apply('back', rotation.new.fingerprint);
      rotation.name = 'back';
      const back = await rotation.until('the CA of the fleet', ({ waitingFor }) => waitingFor === 'Suspended');
      assert.deepEqual([back.from, back.to], [[rotation.new.fingerprint], [rotation.old.fingerprint]]);
      await apply('unknown', 'ab'.repeat(32));
      rotation.name = 'unknown';
      const { message } = await rotation.until('the problem', ({ waitingFor }) => waitingFor === 'UnknownCa');
      assert.match(message ?? '', new RegExp(`known, with their volumes, are: .*${rotation.new.fingerprint} \\(10\\)`));
    });
  });
}
