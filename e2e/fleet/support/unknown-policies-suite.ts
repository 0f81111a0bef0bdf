// A controller that cannot read the LanePolicies, on a real API server without the chart's definitions.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Summary } from '../../../libs/operator-api/src/summary.ts';
import type { VolumeGroups, VolumePage } from '../../../libs/operator-api/src/volumes.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { eventually } from './eventually.ts';
import { RenewalFleet, installDefinitions } from './renewal-fleet.ts';

/** Adds the test to the file that has started the cluster; it must be the last one, because it installs the definitions. */
export function unknownPoliciesSuite({ cluster }: { readonly cluster: () => Cluster }): void {
  describe('a controller that has not read the LanePolicies', () => {
    test('shows every volume at risk for this reason, until it can read them', async () => {
      await using fleet = await RenewalFleet.start({ cluster: cluster(), volumeCount: 3 });
      await fleet.startReplica('c1');
      await fleet.connectAgent('c1');
      const atRisk = async (): Promise<VolumePage> =>
        (await fleet.api<VolumePage>('volumes?risk=policies-unknown')).body;
      await eventually('every volume to be at risk', async () => (await atRisk()).total === 3);
      for (const { risk } of (await atRisk()).volumes) assert.equal(risk?.reason, 'policies-unknown');
      const { body: groups } = await fleet.api<VolumeGroups>('volumes/groups?by=risk');
      assert.deepEqual(
        groups.groups.map(({ value, count }) => `${value} ${count}`),
        ['policies-unknown 3'],
      );
      const summary = async (): Promise<Summary> => (await fleet.api<Summary>('summary')).body;
      // The counts of a large fleet are made anew every few seconds at most.
      await eventually('the summary to count them', async () => (await summary()).atRisk === 3);
      const { verdict } = await summary();
      assert.deepEqual(
        [verdict.level, ...verdict.reasons.map(({ kind }) => kind)],
        ['unknown', 'intent-outdated', 'at-risk'],
      );
      assert.match(
        (await fleet.replicas.get('c1')?.ops('readyz'))?.text ?? '',
        /cannot follow the objects of kind LanePolicy/,
      );
      await installDefinitions(cluster());
      await eventually('no volume to be at risk', async () => (await atRisk()).total === 0, 60_000);
      await eventually('all to be right', async () => {
        const { verdict: cured, atRisk: left } = await summary();
        return cured.level === 'ok' && left === 0;
      });
    });
  });
}
