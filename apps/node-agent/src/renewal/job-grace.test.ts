import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobGraceMs } from './job-grace.ts';
import { renewAt } from './renew-at.ts';

const day = 86_400_000;

function graceOf(lifetimeMs: number, renewBeforeMs?: number): number {
  const validity = { notBefore: new Date(0), notAfter: new Date(lifetimeMs) };
  return jobGraceMs({ ...validity, renewAt: renewAt(validity, renewBeforeMs) });
}

test('is close to a second for ten-second certificates and minutes for thirty-day ones', () => {
  assert.ok(Math.abs(graceOf(10_000) - 833) < 1);
  assert.ok(Math.abs(graceOf(60_000) - 5_000) < 1);
  assert.equal(graceOf(30 * day), 10 * 60_000);
});

test('never takes more than a quarter of the time that is left', () => {
  assert.equal(graceOf(30 * day, 60_000), 15_000);
});

test('never shrinks as the lifetime grows', () => {
  let before = 0;
  for (let lifetimeMs = 1_000; lifetimeMs < 400 * day; lifetimeMs *= 1.5) {
    const grace = graceOf(lifetimeMs);
    assert.ok(grace >= before);
    before = grace;
  }
});

test('is nothing when renew-at lies at or after the end', () => {
  assert.equal(jobGraceMs({ notBefore: new Date(0), notAfter: new Date(10), renewAt: new Date(20) }), 0);
});
