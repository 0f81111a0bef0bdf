import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { waitUntil } from '../../cluster/wait.ts';
import { churning, type GetFleet } from './fleet-context.ts';
import { expectEachOnce, untilIndexIsWhole } from './fleet-state.ts';

/** Rolls back the upgrade of the first suite. */
export function rollbackSuite(context: GetFleet): void {
  describe('helm rollback', () => {
    test('returns to the values of the installation without a missed renewal', async () => {
      const { fleet, reader } = context();
      const seen = reader.seenBy(churning).length;
      await fleet.rollback(1);
      const isRenewed = (): Promise<boolean> => Promise.resolve(reader.seenBy(churning).length > seen);
      await waitUntil(`${churning} to be renewed`, isRenewed, { timeoutMs: 30_000 });
      await untilIndexIsWhole(context());
      await expectEachOnce(context());
      assert.deepEqual(reader.problems, []);
    });
  });
}
