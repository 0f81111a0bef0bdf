import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { podsOf, signalPod } from '../support/release.ts';
import type { GetFleet } from './fleet-context.ts';
import { expectEachOnce, isNodeSilent, renewalOf, untilApi, untilIndexIsWhole } from './fleet-state.ts';

/** Three heartbeats of two seconds, up to two seconds until the controller checks, and a reserve for a busy machine. */
const silentWithinMs = 12_000;

/** Stops and continues the agent's process. */
export function nodeSilenceSuite(context: GetFleet): void {
  describe('a node with a stopped agent process', () => {
    test('is shown as silent within seconds, its renewals wait, and everything is complete when it continues', async (t) => {
      const { cluster, api, tokens, reader } = context();
      const [agent] = await podsOf(cluster, 'node-agent');
      assert.ok(agent);
      const untilSilence = async (silent: boolean): Promise<void> => {
        await untilApi(`silence to be ${String(silent)}`, async () => (await isNodeSilent(context())) === silent);
      };
      await untilSilence(false);
      let id = '';
      const startedAt = performance.now();
      await signalPod(cluster, agent, 'SIGSTOP');
      try {
        await untilSilence(true);
        const silentAfterMs = performance.now() - startedAt;
        t.diagnostic(`silent after ${(silentAfterMs / 1000).toFixed(1)} s`);
        assert.ok(silentAfterMs < silentWithinMs);
        const renewOne = ['renew', '--pod', 'crowd-0', '--reason', 'node is silent'];
        ({ id } = await api.json<{ readonly id: string }>(tokens.renewer, ...renewOne));
        await untilApi('it to run', async () => (await renewalOf(context(), id)).state === 'running');
        assert.equal((await renewalOf(context(), id)).pending, 1);
      } finally {
        await signalPod(cluster, agent, 'SIGCONT');
      }
      await untilSilence(false);
      await untilApi('the renewal to be done', async () => (await renewalOf(context(), id)).renewed === 1);
      await untilIndexIsWhole(context());
      await expectEachOnce(context());
      assert.deepEqual(reader.problems, []);
    });
  });
}
