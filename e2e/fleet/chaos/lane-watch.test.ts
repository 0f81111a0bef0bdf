import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { unexplainedMs } from './lane-watch.ts';
import type { LaneLook } from './lane-watch.ts';

const now = 1_000_000;
const rate = 10;

function looked(changed: Partial<LaneLook>): LaneLook {
  const quiet = { tat: now, interval: 100, until: 0, streak: 0, paceDivisorLog2: 0, paused: false };
  return { now, ...quiet, inFlight: [], blocked: 0, called: 0, slots: [], waiting: 0, lastSlot: 0, ...changed };
}

const everyMs = (intervalMs: number, fromMs = now): readonly number[] =>
  Array.from({ length: 20 }, (_, i) => fromMs + (i + 1) * intervalMs);

describe('unexplainedMs', () => {
  test('slots at the rate of the lane are explained', () => {
    assert.ok(unexplainedMs(looked({ slots: everyMs(100) }), rate) <= 500);
  });

  test('slots from a slower rate are not explained after the rate has recovered', () => {
    assert.ok(unexplainedMs(looked({ slots: everyMs(800) }), rate) > 3_000);
    assert.ok(unexplainedMs(looked({ slots: everyMs(800), paceDivisorLog2: 3, interval: 800 }), rate) <= 800);
  });

  test('a first slot in the distant future is only explained by a back-off', () => {
    const slots = everyMs(100, now + 4_000);
    assert.ok(unexplainedMs(looked({ slots }), rate) > 3_000);
    assert.ok(unexplainedMs(looked({ slots, until: now + 4_000 }), rate) <= 500);
  });

  test('slots are explained while the lane is paused, full, or promoted renewals are in transit', () => {
    const slots = everyMs(5_000);
    const inFlight = Array.from({ length: 10 }, (_, i) => `job-${i}`);
    assert.equal(unexplainedMs(looked({ slots, paused: true }), rate), 0);
    assert.equal(unexplainedMs(looked({ slots, inFlight }), rate), 0);
    assert.equal(unexplainedMs(looked({ slots, called: 10 }), rate), 0);
    // A lane with a failed issuer has one slot until the next success.
    assert.equal(unexplainedMs(looked({ slots, streak: 3, inFlight: ['job-0'] }), rate), 0);
  });
});
