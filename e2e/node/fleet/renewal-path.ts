import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { waitUntil } from '../../cluster/wait.ts';
import { minutely, type FleetContext, type GetFleet } from './fleet-context.ts';
import { listedVolumes } from './fleet-state.ts';

/** Renewals in the agents' metrics, by cause. */
export const renewalsByAgent = ({ fleet }: FleetContext, cause: 'job' | 'deadline' | 'retry'): Promise<number> =>
  fleet.metric('node-agent', `certfleet_agent_issuances_total{result="success",cause="${cause}"}`);

const renewalsByController = ({ fleet }: FleetContext, path: 'controller' | 'deadline'): Promise<number> =>
  fleet.metric('renewal-controller', `certfleet_controller_renewals_total{result="ok",path="${path}"}`);

async function counts(
  context: FleetContext,
): Promise<Readonly<Record<'agentByJob' | 'agentByDeadline' | 'controllerByJob' | 'controllerByDeadline', number>>> {
  return {
    agentByJob: await renewalsByAgent(context, 'job'),
    agentByDeadline: await renewalsByAgent(context, 'deadline'),
    controllerByJob: await renewalsByController(context, 'controller'),
    controllerByDeadline: await renewalsByController(context, 'deadline'),
  };
}

/** Which side renews in normal operation. */
export function renewalPathSuite(context: GetFleet): void {
  describe('a certificate of sixty seconds', () => {
    test('is renewed by a job of the controller, not at the fallback deadline, in the metrics of both sides', async () => {
      const { reader } = context();
      const before = await counts(context());
      const seen = minutely.map((pod) => reader.seenBy(pod).length);
      const isRenewed = (): Promise<boolean> =>
        Promise.resolve(minutely.every((pod, index) => reader.seenBy(pod).length > (seen[index] ?? 0)));
      await waitUntil('its renewal', isRenewed, { timeoutMs: 60_000 });
      const isCounted = async (): Promise<boolean> => {
        const { agentByJob, controllerByJob } = await counts(context());
        return Math.min(agentByJob - before.agentByJob, controllerByJob - before.controllerByJob) >= minutely.length;
      };
      await waitUntil('both to count it', isCounted, { timeoutMs: 5_000, intervalMs: 200 });
      const { agentByDeadline, controllerByDeadline } = await counts(context());
      assert.deepEqual(
        { agentByDeadline, controllerByDeadline },
        { agentByDeadline: before.agentByDeadline, controllerByDeadline: before.controllerByDeadline },
      );
      const short: readonly string[] = minutely;
      const causes = (await listedVolumes(context()))
        .filter(({ pod }) => short.includes(pod))
        .map(({ cause }) => cause);
      assert.deepEqual(causes, ['job', 'job']);
    });
  });
}
