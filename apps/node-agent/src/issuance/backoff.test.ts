import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs, renewalBackoff } from './backoff.ts';

const policy = { initialMs: 100, factor: 2, jitter: 0.5, capMs: 500 };

test('doubles up to the cap', () => {
  const waits = [1, 2, 3, 4, 50].map((attempt) => backoffMs(policy, attempt, () => 0));
  assert.deepEqual(waits, [100, 200, 400, 500, 500]);
});

test('adds at most the jitter part', () => {
  assert.equal(backoffMs(policy, 1, () => 0.999999) < 150, true);
  assert.equal(
    backoffMs(policy, 1, () => 0.5),
    125,
  );
});

test('a short certificate is retried well within its last third', () => {
  const { initialMs, capMs } = renewalBackoff(10_000);
  assert.deepEqual([initialMs, capMs], [250, 1_000]);
});

test('a long certificate is retried every few minutes at last', () => {
  const { initialMs, capMs } = renewalBackoff(90 * 86_400_000);
  assert.deepEqual([initialMs, capMs], [30_000, 300_000]);
});
