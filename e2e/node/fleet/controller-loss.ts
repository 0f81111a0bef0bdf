import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { keepLogs } from '../support/kept-logs.ts';
import { podsOf, releaseNamespace, signalPod } from '../support/release.ts';
import { expectWithinLane } from './ca-roll.ts';
import { crowdIssuer, type GetFleet } from './fleet-context.ts';
import { expectEachOnce, renewalOf, untilApi, untilIndexIsWhole, volumesOnNode } from './fleet-state.ts';

const renewCrowd = [
  ...['renew', '--issuer', `ClusterIssuer.cert-manager.io//${crowdIssuer}`, '--reason', 'controllers are killed'],
];

/** Replicas that are killed while they have active work. */
export function controllerLossSuite(context: GetFleet): void {
  describe('a renewal of all pods of an issuer whose controllers are killed', () => {
    test('completes, each volume exactly once', async () => {
      const { cluster, api, tokens, reader, crowd } = context();
      const generations = async (): Promise<readonly number[]> =>
        (await volumesOnNode(cluster)).filter(({ pod }) => crowd.includes(pod)).map(({ generation }) => generation);
      const [before, startedAtMs] = [await generations(), Date.now()];
      const { id } = await api.json<{ readonly id: string }>(tokens.renewer, ...renewCrowd);
      const untilRenewed = (count: number): Promise<void> =>
        untilApi(`${count} to be renewed`, async () => (await renewalOf(context(), id)).renewed >= count);

      await untilRenewed(Math.ceil(crowd.length / 7));
      const [first, second] = await podsOf(cluster, 'renewal-controller');
      assert.ok(first !== undefined && second !== undefined);
      await signalPod(cluster, first, 'SIGKILL');
      await untilRenewed(Math.ceil(crowd.length / 2.5));
      // The killed replica may have ended the connection.
      await untilApi('it to be running', async () => (await renewalOf(context(), id)).state === 'running');
      // Then all replicas: one process dies and restarts, the other's pod is replaced.
      await keepLogs(cluster);
      const gone = ['--grace-period=0', '--force', '--namespace', releaseNamespace];
      await Promise.all([
        signalPod(cluster, second, 'SIGKILL'),
        cluster.kubectl(['delete', 'pod', first.metadata.name, ...gone]),
      ]);
      await untilApi('it to be finished', async () => (await renewalOf(context(), id)).state === 'finished', 90_000);

      await untilApi('all to be renewed', async () => {
        const { total, renewed } = await renewalOf(context(), id);
        return total === crowd.length && renewed === crowd.length;
      });
      await untilIndexIsWhole(context());
      assert.deepEqual(
        await generations(),
        before.map((generation) => generation + 1),
      );
      await expectEachOnce(context());
      await expectWithinLane(context(), startedAtMs);
      assert.deepEqual(reader.problems, []);
    });
  });
}
