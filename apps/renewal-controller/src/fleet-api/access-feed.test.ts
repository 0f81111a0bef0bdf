import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { AccessFeed } from './access-feed.ts';

describe('AccessFeed', () => {
  test('issues new credentials within a minute after Redis lost the user, and none while Redis is unavailable', async (t) => {
    const clock = new ManualClock();
    const lifetimeMs = 24 * 3_600_000;
    let stands: () => Promise<boolean> = () => Promise.resolve(true);
    let granted = 0;
    const sent: RedisAccess[] = [];
    const feed = new AccessFeed({
      node: 'node-a',
      grant: () => {
        granted += 1;
        const expiresAt = new Date(clock.now() + lifetimeMs);
        return Promise.resolve({
          connection: '',
          username: 'u',
          password: `p${granted}`,
          queue: '',
          prefix: '',
          expiresAt,
        });
      },
      stands: () => stands(),
      send: (access) => void sent.push(access),
      clock,
      log: createLogger(0, { write: () => undefined }),
    });
    t.after(() => feed.stop());
    await feed.renew();
    await clock.advance(10 * 60_000);
    assert.equal(sent.length, 1);
    stands = () => Promise.reject(new Error('Command timed out'));
    await clock.advance(10 * 60_000);
    assert.equal(sent.length, 1);
    stands = () => Promise.resolve(granted > 1);
    await clock.advance(60_000);
    assert.deepEqual(
      sent.map(({ password }) => password),
      ['p1', 'p2'],
    );
    feed.stop();
    assert.equal(clock.timers, 0);
  });

  test('never issues two credentials at once, and sends those that were stored last', async (t) => {
    const clock = new ManualClock();
    const pending: PromiseWithResolvers<undefined>[] = [];
    let stored = '';
    const sent: string[] = [];
    const feed = new AccessFeed({
      node: 'node-a',
      grant: async () => {
        const password = `p${pending.length}`;
        const reading = Promise.withResolvers<undefined>();
        pending.push(reading);
        await reading.promise;
        stored = password;
        return { connection: '', username: 'u', password, queue: '', prefix: '', expiresAt: new Date(86_400_000) };
      },
      stands: ({ password }) => Promise.resolve(password === stored),
      send: ({ password }) => void sent.push(password),
      clock,
      log: createLogger(0, { write: () => undefined }),
    });
    t.after(() => feed.stop());
    const [first, second] = [feed.renew(), feed.renew()];
    await Promise.resolve();
    // The reads complete in the other order, where there are two.
    for (let i = 0; i < 10; i += 1) {
      pending.at(-1)?.resolve(undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
    pending[0]?.resolve(undefined);
    await Promise.all([first, second]);
    assert.equal(sent.at(-1), stored);
    assert.equal(sent.length, 1);
  });

  test('replaces credentials that another replica has overwritten after seconds', async (t) => {
    const clock = new ManualClock();
    let granted = 0;
    const feed = new AccessFeed({
      node: 'node-a',
      grant: () => {
        granted += 1;
        const [password, expiresAt] = [`p${granted}`, new Date(86_400_000)];
        return Promise.resolve({ connection: '', username: 'u', password, queue: '', prefix: '', expiresAt });
      },
      stands: () => Promise.resolve(granted > 1),
      send: () => undefined,
      clock,
      log: createLogger(0, { write: () => undefined }),
    });
    t.after(() => feed.stop());
    await feed.renew();
    await clock.advance(5_000);
    assert.equal(granted, 2);
  });
});
