import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import type { LanePage } from '../../../libs/operator-api/src/lanes.ts';
import { execInPod } from '../support/pod-files.ts';
import { applyPodsAndWaitReady, deletePods } from '../support/pods.ts';
import type { FleetContext, GetFleet } from './fleet-context.ts';
import type { FleetScale, RotationPhase } from './fleet-scale.ts';
import { untilAccepted, untilApi } from './fleet-state.ts';
import { RotatedPair } from './rotated-pair.ts';
import { stubbornServer } from './rotated-pods.ts';

/** Renews one volume, and the next one in a quarter of an hour. */
const slowLane = { ratePerSecond: 0.001, burst: 1 };

/** Lets the lane of an issuer admit one more renewal. @returns what ends that */
async function slowDown({ cluster, api, tokens }: FleetContext, issuer: string): Promise<() => Promise<void>> {
  const key = `ClusterIssuer.cert-manager.io//${issuer}`;
  const policy = {
    ...{ apiVersion: 'certfleet.io/v1alpha1', kind: 'LanePolicy', metadata: { name: issuer } },
    spec: { issuers: [key], ...slowLane },
  };
  await untilAccepted('the policy', () => cluster.apply(policy));
  await untilApi('the slow lane', async () => {
    const { lanes } = await api.json<LanePage>(tokens.viewer, 'lanes');
    return lanes.find((lane) => lane.key === key)?.policy.ratePerSecond === slowLane.ratePerSecond;
  });
  const end = ['delete', 'lanepolicy', issuer, '--ignore-not-found'];
  return () => untilAccepted('the end of the policy', () => cluster.kubectl(end));
}

/** How each rotation gets into the middle of its phase, is rolled back there, and can end. */
const cases: Readonly<Record<RotationPhase, (pair: RotatedPair, context: FleetContext) => Promise<void>>> = {
  Trust: async (pair) => {
    await pair.freeze();
    await pair.start();
    await pair.rotation.until('Trust', 'TrustNotVerified');
    await pair.untilRoots(pair.oldRoot, pair.both);
    await pair.rotation.rollback();
    await pair.unfreeze();
  },

  Reissue: async (pair, context) => {
    const endSlowLane = await slowDown(context, pair.issuer);
    // The one renewal must not be a test of the issuer with the old CA.
    await pair.start({ holdBefore: ['Reissue'] });
    await pair.rotation.until('Trust', 'AwaitingApproval');
    await pair.switchTo('new');
    await pair.rotation.change({ approved: ['Reissue'] });
    await pair.untilCas(pair.newRoot, pair.oldRoot);
    await pair.rotation.rollback();
    await endSlowLane();
    await pair.rotation.until('Reissue', undefined, { direction: 'Backward' });
    await pair.switchTo('old');
  },

  Verify: async (pair, { cluster }) => {
    await pair.start();
    await pair.rotation.until('Reissue', 'IssuerNotSwitched');
    await pair.switchTo('new');
    // The server of the second pod keeps it there.
    await pair.rotation.until('Verify');
    await pair.rotation.rollback();
    await pair.rotation.until('Reissue', undefined, { direction: 'Backward' });
    await pair.switchTo('old');
    await pair.rotation.until('Verify', undefined, { direction: 'Backward' });
    await untilAccepted('the restart', () => execInPod(cluster, { name: pair.second }, stubbornServer.restart));
  },

  Retire: async (pair) => {
    await pair.start({ holdBefore: ['Retire'] });
    await pair.rotation.until('Reissue', 'IssuerNotSwitched');
    await pair.switchTo('new');
    await pair.rotation.until('Verify', 'AwaitingApproval');
    await pair.freeze();
    await pair.rotation.change({ approved: ['Retire'] });
    await pair.rotation.until('Retire', 'RootNotRemoved');
    await pair.untilRoots(pair.newRoot, pair.both);
    await pair.rotation.rollback();
    await pair.rotation.until('Reissue', undefined, { direction: 'Backward' });
    assert.deepEqual(pair.roots(), [pair.both], 'both roots are back before the issuer is switched back');
    await pair.unfreeze();
    await pair.switchTo('old');
  },
};

/** Rolls CARotations back, each in another phase. Parts may be lost meanwhile. */
export function caRollbackSuite(context: GetFleet, { rollbacksIn: phases }: FleetScale): void {
  // They wait most of the time.
  describe('a CARotation that is rolled back in the middle of', { concurrency: phases.length }, () => {
    const pairs = new Map(phases.map((phase) => [phase, new RotatedPair(context, `back-${phase.toLowerCase()}`)]));
    const all = [...pairs.values()];
    const names = all.flatMap(({ first, second }) => [first, second]);

    before(async () => {
      const { cluster } = context();
      await Promise.all(all.map((pair) => pair.createIssuer()));
      const pods = [...pairs].flatMap(([phase, pair]) => pair.podObjects({ isStubborn: phase === 'Verify' }));
      await untilAccepted('the pods', () => applyPodsAndWaitReady(cluster, pods));
      for (const pair of all) await untilAccepted('their addresses', () => pair.connect());
    });
    after(async () => {
      for (const pair of all) await pair.end();
      context().reader.remove(...names);
      await untilAccepted('the deletion', () => deletePods(context().cluster, names));
    });

    for (const [phase, pair] of pairs) {
      test(`${phase} ends with the old CA alone and fails no handshake`, async (t) => {
        await cases[phase](pair, context());
        await pair.rotation.until('RolledBack');
        assert.deepEqual(pair.roots(), [pair.oldRoot]);
        await pair.untilCas(pair.oldRoot, pair.oldRoot);
        await pair.end();
        t.diagnostic(`${pair.mutualTls.handshakes} handshakes, ${pair.mutualTls.failures.length} failed`);
        assert.ok(pair.mutualTls.handshakes > 0);
        assert.deepEqual(pair.mutualTls.failures, []);
        await pair.rotation.remove();
      });
    }
  });
}
