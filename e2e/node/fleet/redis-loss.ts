import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { waitUntil } from '../../cluster/wait.ts';
import { churning, type GetFleet } from './fleet-context.ts';
import type { FleetScale } from './fleet-scale.ts';
import { expectEachOnce, renewalOf, untilApi, untilIndexIsWhole } from './fleet-state.ts';
import { renewalsByAgent } from './renewal-path.ts';

const minuteMs = 60_000;

/** A temporary outage of Redis, and the permanent loss of its data. */
export function redisLossSuite(context: GetFleet, { redisOutageMs }: FleetScale): void {
  /** A requested renewal goes through the queue again. */
  const expectJobs = async (): Promise<void> => {
    const { api, tokens } = context();
    const before = await renewalsByAgent(context(), 'job');
    const renewOne = ['renew', '--pod', 'crowd-1', '--reason', 'Redis is back'];
    let id = '';
    // The replica that answers may not be reconnected yet, and reports that.
    await untilApi('a renewal to be asked for', async () => {
      ({ id } = await api.json<{ readonly id: string }>(tokens.renewer, ...renewOne));
      return true;
    });
    await untilApi('a renewal by job', async () => (await renewalOf(context(), id)).state === 'finished');
    assert.ok((await renewalsByAgent(context(), 'job')) > before);
  };

  describe(`with Redis killed and stopped for ${redisOutageMs / 1000} seconds`, () => {
    test('no certificate expires, and the index is complete within a minute of its return, without a second renewal', async (t) => {
      const { redis, reader } = context();
      const seen = reader.seenBy(churning).length;
      const ownBefore = await renewalsByAgent(context(), 'deadline');
      const startedAt = performance.now();
      await redis.holdDown();
      try {
        const isOver = (): Promise<boolean> =>
          Promise.resolve(performance.now() - startedAt >= redisOutageMs && reader.seenBy(churning).length > seen);
        await waitUntil('that time, and a renewal in it', isOver, { timeoutMs: redisOutageMs + minuteMs });
        assert.ok((await renewalsByAgent(context(), 'deadline')) > ownBefore);
      } finally {
        await redis.letUp();
      }
      t.diagnostic(`Redis was unavailable for ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
      t.diagnostic(`the index was complete ${await untilIndexIsWhole(context(), minuteMs)} ms after its return`);
      await expectJobs();
      await expectEachOnce(context());
      assert.deepEqual(reader.problems, []);
    });
  });

  describe('with Redis and all its data lost', () => {
    test('the index is complete within a minute, without a second renewal, and jobs arrive again', async (t) => {
      const { redis, reader } = context();
      await redis.lose();
      t.diagnostic(
        `the index was complete ${await untilIndexIsWhole(context(), minuteMs)} ms after a new Redis was ready`,
      );
      await expectJobs();
      await expectEachOnce(context());
      assert.deepEqual(reader.problems, []);
    });
  });
}
