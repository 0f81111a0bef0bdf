import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import type { ReviewClient } from './review-client.ts';
import { TokenReviewer } from './token-reviewer.ts';

interface Fixture {
  readonly clock: ManualClock;
  readonly reviewer: TokenReviewer;
  readonly asked: string[];
  readonly valid: Set<string>;
}

/** A fake API server that accepts the tokens of a set, each for a different user. */
function fixture(): Fixture {
  const clock = new ManualClock(0);
  const asked: string[] = [];
  const valid = new Set<string>();
  const client: ReviewClient = {
    request: ({ body }) => {
      const { token } = (body as { readonly spec: { readonly token: string } }).spec;
      asked.push(token);
      const status = valid.has(token) ? { authenticated: true, user: { username: `user of ${token}` } } : {};
      return Promise.resolve({ status });
    },
  };
  return { clock, reviewer: new TokenReviewer({ client, clock }), asked, valid };
}

const source = '192.0.2.1';

/** Counts results by code. */
async function tally(answers: readonly Promise<unknown>[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const result of await Promise.allSettled(answers)) {
    const key = result.status === 'fulfilled' ? 'valid' : (result.reason as CertfleetError).code;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

describe('TokenReviewer', () => {
  test('bounds reviews of many different invalid tokens, sequential or concurrent', async () => {
    for (const parallel of [1, 20, 2_000]) {
      const { reviewer, asked } = fixture();
      for (let i = 0; i < 2_000; i += parallel) {
        await tally(Array.from({ length: parallel }, (_, j) => reviewer.review(`guess-${i + j}`, { source })));
      }
      assert.ok(asked.length <= 14, `${asked.length} reviews with ${parallel} at once`);
    }
  });

  test('a valid token does not exempt other tokens of the same form', async () => {
    const { reviewer, valid, asked } = fixture();
    valid.add('right');
    await reviewer.review('right', { source: '192.0.2.2' });
    for (let i = 0; i < 100; i += 1) await reviewer.review(`guess-${i}`, { source }).catch(() => undefined);
    assert.ok(asked.length <= 15, `${asked.length} reviews`);
  });

  test('caches an invalid token and counts it once against its source', async () => {
    const { reviewer, asked, valid } = fixture();
    for (let i = 0; i < 1_000; i += 1) {
      await assert.rejects(reviewer.review('wrong', { source }), { code: 'unauthenticated' });
    }
    valid.add('right');
    await reviewer.review('right', { source });
    assert.equal(asked.length, 2);
  });

  test('counts failures per source', async () => {
    const { reviewer, valid } = fixture();
    for (let i = 0; i < 50; i += 1) await reviewer.review(`guess-${i}`, { source }).catch(() => undefined);
    valid.add('right');
    assert.equal((await reviewer.review('right', { source: '192.0.2.2' })).username, 'user of right');
  });

  test('delays a patient sign-in from a rate-limited address but accepts it', async () => {
    const { clock, reviewer, valid } = fixture();
    for (let i = 0; i < 50; i += 1) await reviewer.review(`guess-${i}`, { source }).catch(() => undefined);
    await assert.rejects(reviewer.review('impatient', { source }), { reason: 'TooManyFailures' });
    valid.add('right');
    const signIn = reviewer.review('right', { source, isPatient: true });
    await clock.advance(500);
    assert.equal((await signIn).username, 'user of right');
  });

  test('reviews a previously valid token during a flood from its address', async () => {
    const { clock, reviewer, valid } = fixture();
    valid.add('right');
    await reviewer.review('right', { source });
    await clock.advance(60_000);
    const flood = Array.from({ length: 500 }, (_, i) => reviewer.review(`guess-${i}`, { source }));
    assert.equal((await reviewer.review('right', { source })).username, 'user of right');
    await tally(flood);
  });

  test('exempts another token of a known account from the limit of its source', async () => {
    const { reviewer, valid } = fixture();
    const jwt = (n: number): string =>
      `h.${Buffer.from(JSON.stringify({ sub: 'system:serviceaccount:a:b', n })).toString('base64url')}.s`;
    valid.add(jwt(1)).add(jwt(2));
    await reviewer.review(jwt(1), { source });
    for (let i = 0; i < 50; i += 1) await reviewer.review(`guess-${i}`, { source }).catch(() => undefined);
    assert.equal((await reviewer.review(jwt(2), { source })).username, `user of ${jwt(2)}`);
  });

  test('detects an invalidated token within seconds, and at once if a fresh review is requested', async () => {
    const { clock, reviewer, valid } = fixture();
    valid.add('right');
    await reviewer.review('right', { source });
    valid.clear();
    await reviewer.review('right', { source });
    await assert.rejects(reviewer.review('right', { source, isFresh: true }), { code: 'unauthenticated' });
    valid.add('other');
    await reviewer.review('other', { source });
    valid.clear();
    await clock.advance(10_000);
    await assert.rejects(reviewer.review('other', { source }), { code: 'unauthenticated' });
  });

  test('limits and results do not depend on the wall clock', async () => {
    const { clock, reviewer, asked } = fixture();
    for (let i = 0; i < 300; i += 1) {
      await reviewer.review(`guess-${i}`, { source }).catch(() => undefined);
      clock.stepWall(i % 2 === 0 ? 3_600_000 : -7_200_000);
    }
    assert.ok(asked.length <= 14, `${asked.length} reviews`);
  });
});
