import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { busiestMinute } from '../testing/levelling.ts';
import { issuedStatus } from './answer.ts';
import { RefreshSpread } from './refresh-spread.ts';

const hourMs = 3_600_000;
const startMs = Date.parse('2026-11-29T12:00:00Z');
const policy = { jitter: 0.05, maxJitterMs: 12 * hourMs };

/** The begins of the refreshes of certificates that were issued at equal intervals within a minute. */
function refreshes(
  count: number,
  lifetimeMs: number,
  spread: RefreshSpread,
  jitter = policy.jitter,
): readonly number[] {
  return Array.from({ length: count }, (_, i) => {
    const issuedMs = startMs + Math.floor((i * 60_000) / count);
    const chain = {
      certificateChain: '',
      notBefore: new Date(issuedMs),
      notAfter: new Date(issuedMs + lifetimeMs),
    };
    const earlierMs = spread.nextEarlierMs(lifetimeMs, { ...policy, jitter });
    const { beginRefreshAt = '' } = issuedStatus(chain, { renewBeforeSeconds: undefined, earlierMs }, issuedMs);
    return Date.parse(beginRefreshAt);
  });
}

describe('RefreshSpread', () => {
  test('levels the refreshes of 20,000 certificates that were issued within a minute', () => {
    for (const lifetimeHours of [1, 24, 24 * 90]) {
      for (const position of [0, 0.99]) {
        const lifetimeMs = lifetimeHours * hourMs;
        const spreadMs = Math.min(lifetimeMs * policy.jitter, policy.maxJitterMs);
        const begins = refreshes(20_000, lifetimeMs, new RefreshSpread(() => position));
        const busiest = busiestMinute(begins, spreadMs);
        assert.ok(busiest < 1.1, `${lifetimeHours} h: the busiest minute has ${busiest} times the mean`);
        const span = Math.max(...begins) - Math.min(...begins);
        assert.ok(span >= spreadMs * 0.99 && span <= spreadMs + 61_000, `${lifetimeHours} h: spread over ${span} ms`);
      }
    }
  });

  test('levels each of two kinds of certificates that alternate', () => {
    const begins = refreshes(20_000, 24 * hourMs, new RefreshSpread(() => 0.5));
    for (const parity of [0, 1]) {
      const ofOne = begins.filter((_, i) => i % 2 === parity);
      assert.ok(busiestMinute(ofOne, 24 * hourMs * policy.jitter) < 1.1);
    }
  });

  test('without jitter all refreshes are in one or two minutes', () => {
    const begins = refreshes(20_000, 24 * hourMs, new RefreshSpread(), 0);
    assert.ok(busiestMinute(begins, 24 * hourMs * policy.jitter) > 30);
  });
});
