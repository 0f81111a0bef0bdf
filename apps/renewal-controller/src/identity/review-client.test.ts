import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { events } from '@certfleet/shared/kube/api-resource.ts';
import { reviewClient } from './review-client.ts';
import type { ReviewClient } from './review-client.ts';

function fixture(request: ReviewClient['request']): {
  client: ReviewClient;
  clock: ManualClock;
  log: string[];
  results: string[];
} {
  const clock = new ManualClock(0);
  const log: string[] = [];
  const results: string[] = [];
  const client = reviewClient({
    client: { request },
    clock,
    log: createLogger(2, { write: (line: string) => void log.push(line) }),
    observe: (result) => results.push(result),
  });
  return { client, clock, log, results };
}

const review = { verb: 'create', resource: events } as const;

describe('reviewClient', () => {
  test('reports failures of its own credentials as unavailable, without details, and logs once', async (t: TestContext) => {
    const secretPath = '/var/run/secrets/token';
    for (const code of ['unauthenticated', 'permission-denied'] as const) {
      await t.test(code, async () => {
        let isBroken = true;
        const { client, log, results } = fixture(() =>
          isBroken
            ? Promise.reject(new CertfleetError(code, `expected a token in ${secretPath}, found none`))
            : Promise.resolve({}),
        );
        for (let i = 0; i < 5; i += 1) {
          await assert.rejects(client.request(review), (error: CertfleetError) => {
            assert.equal(error.code, 'unavailable');
            assert.ok(!error.message.includes(secretPath));
            return true;
          });
        }
        assert.equal(log.filter((line) => line.includes(secretPath)).length, 1);
        isBroken = false;
        await client.request(review);
        assert.equal(log.length, 2);
        assert.deepEqual(results, [...Array.from({ length: 5 }, () => 'forbidden'), 'answered']);
      });
    }
  });

  test('bounds the wait for an unresponsive API server', async () => {
    const { client, clock, results } = fixture(() => new Promise(() => undefined));
    const asked = assert.rejects(client.request(review), { code: 'unavailable' });
    await clock.advance(8_000);
    await asked;
    assert.deepEqual(results, ['unavailable']);
    assert.equal(clock.timers, 0);
  });
});
