import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isOverdue, jobGraceMs, latestStartMs, fallbackRenewalAtMs, renewalTimeLeft } from './certificate-times.ts';
import type { CertificateTimes } from './certificate-times.ts';

const day = 86_400_000;

function timesOf(lifetimeMs: number, renewBeforeMs = lifetimeMs / 3): CertificateTimes {
  return { notBeforeMs: 0, renewAtMs: lifetimeMs - renewBeforeMs, notAfterMs: lifetimeMs };
}

describe('jobGraceMs', () => {
  test('is about a second for ten-second certificates and minutes for thirty-day ones', () => {
    assert.ok(Math.abs(jobGraceMs(timesOf(10_000)) - 833) < 1);
    assert.ok(Math.abs(jobGraceMs(timesOf(60_000)) - 5_000) < 1);
    assert.equal(jobGraceMs(timesOf(30 * day)), 10 * 60_000);
  });

  test('never exceeds a quarter of the remaining time', () => {
    assert.equal(jobGraceMs(timesOf(30 * day, 60_000)), 15_000);
  });

  test('never shrinks as the lifetime grows', () => {
    let before = 0;
    for (let lifetimeMs = 1_000; lifetimeMs < 400 * day; lifetimeMs *= 1.5) {
      const grace = jobGraceMs(timesOf(lifetimeMs));
      assert.ok(grace >= before);
      before = grace;
    }
  });

  test('is zero when renew-at is at or after not-after', () => {
    assert.equal(jobGraceMs({ notBeforeMs: 0, renewAtMs: 20, notAfterMs: 10 }), 0);
  });
});

describe('fallbackRenewalAtMs', () => {
  test("a certificate is overdue after the agent's fallback deadline", () => {
    const times = timesOf(60_000);
    assert.equal(isOverdue(times, 40_000), false);
    assert.equal(isOverdue(times, 45_000), false);
    assert.equal(isOverdue(times, 45_001), true);
  });

  test('a deferral moves the fallback deadline later, never earlier', () => {
    const times = timesOf(30 * day);
    const regular = times.renewAtMs + 600_000;
    assert.equal(fallbackRenewalAtMs(times), regular);
    assert.equal(fallbackRenewalAtMs(times, times.renewAtMs + 5 * day), times.renewAtMs + 5 * day + 600_000);
    assert.equal(fallbackRenewalAtMs(times, times.renewAtMs - day), regular);
    assert.equal(isOverdue(times, regular + 1, times.renewAtMs + day), false);
  });

  test('an endless deferral leaves time for more than one attempt, for any lifetime', () => {
    for (const lifetimeMs of [10_000, 60_000, day, 90 * day]) {
      const times = timesOf(lifetimeMs);
      const deadlineMs = fallbackRenewalAtMs(times, Number.MAX_SAFE_INTEGER);
      assert.ok(deadlineMs > latestStartMs(times) && deadlineMs < times.notAfterMs);
      assert.ok(times.notAfterMs - deadlineMs >= Math.min(45 * 60_000, lifetimeMs / 16) - 1);
    }
  });
});

describe('renewalTimeLeft', () => {
  test('the remaining part of the renewal time falls from one to zero, for any lifetime', () => {
    for (const lifetimeMs of [60_000, 90 * day]) {
      const leftAfter = (part: number): number => renewalTimeLeft(timesOf(lifetimeMs), lifetimeMs * part);
      assert.equal(leftAfter(1 / 2), 1);
      assert.ok(Math.abs(leftAfter(5 / 6) - 0.5) < 1e-9);
      assert.equal(leftAfter(1), 0);
      assert.equal(leftAfter(2), 0);
    }
    assert.equal(renewalTimeLeft({ notBeforeMs: 0, renewAtMs: 20, notAfterMs: 10 }, 15), 0);
  });
});
