import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unexplainedMs } from './lane-watch.ts';
import type { LaneLook } from './lane-watch.ts';

const now = 1_000_000;
const rate = 10;

function looked(changed: Partial<LaneLook>): LaneLook {
  const quiet = { tat: now, interval: 100, until: 0, streak: 0, throttle: 0, paused: false };
  return { now, ...quiet, inFlight: [], blocked: 0, called: 0, slots: [], waiting: 0, lastSlot: 0, ...changed };
}

const everyMs = (intervalMs: number, fromMs = now): readonly number[] =>
  Array.from({ length: 20 }, (_, i) => fromMs + (i + 1) * intervalMs);

test('slots at the pace of the lane are explained', () => {
  assert.ok(unexplainedMs(looked({ slots: everyMs(100) }), rate) <= 500);
});

test('slots that were given at a slower pace are not explained when the pace is back', () => {
  assert.ok(unexplainedMs(looked({ slots: everyMs(800) }), rate) > 3_000);
  assert.ok(unexplainedMs(looked({ slots: everyMs(800), throttle: 3, interval: 800 }), rate) <= 800);
});

test('a first slot that is far away is not explained but by a back-off', () => {
  const slots = everyMs(100, now + 4_000);
  assert.ok(unexplainedMs(looked({ slots }), rate) > 3_000);
  assert.ok(unexplainedMs(looked({ slots, until: now + 4_000 }), rate) <= 500);
});

test('slots are explained while the lane is paused, full, or what was called is on its way', () => {
  const slots = everyMs(5_000);
  const inFlight = Array.from({ length: 10 }, (_, i) => `job-${i}`);
  assert.equal(unexplainedMs(looked({ slots, paused: true }), rate), 0);
  assert.equal(unexplainedMs(looked({ slots, inFlight }), rate), 0);
  assert.equal(unexplainedMs(looked({ slots, called: 10 }), rate), 0);
  // A lane whose issuer failed has one slot until somebody succeeds.
  assert.equal(unexplainedMs(looked({ slots, streak: 3, inFlight: ['job-0'] }), rate), 0);
});
