import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  backoffMs,
  minimumIntervalMs,
  renewalTime,
  replacementDelayMs,
  terminalBackoffMs,
  transientBackoff,
} from './renewal-policy.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const none = (): number => 0;

test('renews when a third is left of the time that remained at the issue', () => {
  assert.deepEqual(renewalTime({ notBeforeMs: 0, notAfterMs: 30_000, issuedAtMs: 0 }, undefined), {
    renewAtMs: 20_000,
    isRenewBeforeUsable: true,
  });
});

test('renews the requested time before not-after', () => {
  assert.deepEqual(renewalTime({ notBeforeMs: 0, notAfterMs: 30_000, issuedAtMs: 0 }, 1_000), {
    renewAtMs: 29_000,
    isRenewBeforeUsable: true,
  });
});

test('a backdated certificate is renewed by what is left of it, not at once', () => {
  const times = { notBeforeMs: -hourMs, notAfterMs: 30 * minuteMs, issuedAtMs: 0 };
  assert.equal(renewalTime(times, undefined).renewAtMs, 20 * minuteMs);
});

test('a certificate that is valid only later is renewed by the time from there', () => {
  const times = { notBeforeMs: minuteMs, notAfterMs: 31 * minuteMs, issuedAtMs: 0 };
  assert.equal(renewalTime(times, undefined).renewAtMs, 21 * minuteMs);
});

test('a renew-before of nearly all that was granted is not usable, and is said to be', () => {
  const times = { notBeforeMs: 0, notAfterMs: 720 * hourMs + 30_000, issuedAtMs: 0 };
  const { renewAtMs, isRenewBeforeUsable } = renewalTime(times, 720 * hourMs);
  assert.equal(isRenewBeforeUsable, false);
  assert.equal(renewAtMs, times.notAfterMs - times.notAfterMs / 3);
});

test('a renew-before is usable up to 49 fiftieths of the remaining time', () => {
  const times = { notBeforeMs: -5_000, notAfterMs: 50_000, issuedAtMs: 0 };
  assert.deepEqual(renewalTime(times, 49_000), { renewAtMs: 1_000, isRenewBeforeUsable: true });
  assert.equal(renewalTime(times, 49_001).isRenewBeforeUsable, false);
});

test('a renew-before that is no positive number is not usable', () => {
  const times = { notBeforeMs: 0, notAfterMs: 30_000, issuedAtMs: 0 };
  for (const renewBeforeMs of [0, -1, Number.NaN, Infinity, -Infinity])
    assert.deepEqual(renewalTime(times, renewBeforeMs), { renewAtMs: 20_000, isRenewBeforeUsable: false });
});

test('for any certificate a fiftieth of the remaining time passes before its renewal', () => {
  for (const notBeforeMs of [-dayMs, -1, 0, 1, minuteMs])
    for (const notAfterMs of [1, 999, minuteMs, hourMs, 90 * dayMs])
      for (const renewBeforeMs of [undefined, 1, 999, minuteMs, hourMs, 89 * dayMs]) {
        const startMs = Math.max(notBeforeMs, 0);
        const remainingMs = Math.max(0, notAfterMs - startMs);
        const { renewAtMs } = renewalTime({ notBeforeMs, notAfterMs, issuedAtMs: 0 }, renewBeforeMs);
        assert.ok(renewAtMs >= startMs + remainingMs / 50, `${notBeforeMs} ${notAfterMs} ${renewBeforeMs}`);
        assert.ok(renewAtMs <= Math.max(startMs, notAfterMs));
      }
});

test('a certificate that had expired at its issue is not to be renewed before its issue', () => {
  assert.equal(renewalTime({ notBeforeMs: -hourMs, notAfterMs: -1, issuedAtMs: 0 }, 1_000).renewAtMs, 0);
});

test('the minimum interval is a fiftieth of the lifetime, from a second to an hour', () => {
  assert.equal(minimumIntervalMs(10_000), 1_000);
  assert.equal(minimumIntervalMs(hourMs), 72_000);
  assert.equal(minimumIntervalMs(90 * dayMs), hourMs);
  assert.equal(minimumIntervalMs(-hourMs), 1_000);
  assert.equal(minimumIntervalMs(Number.NaN), hourMs);
  assert.equal(minimumIntervalMs(Infinity), hourMs);
});

const policy = { initialMs: 100, factor: 2, jitter: 0.5, capMs: 500 };

test('a back-off doubles up to the cap', () => {
  const waits = [1, 2, 3, 4, 50].map((attempt) => backoffMs(policy, attempt, none));
  assert.deepEqual(waits, [100, 200, 400, 500, 500]);
});

test('a back-off adds at most the jitter part', () => {
  assert.ok(backoffMs(policy, 1, () => 0.999999) < 150);
  assert.equal(
    backoffMs(policy, 1, () => 0.5),
    125,
  );
});

test('a back-off is finite and no shorter than its first wait for any number of attempts', () => {
  const policies = [policy, { ...policy, capMs: Infinity }, { ...policy, initialMs: 0 }, { ...policy, factor: 1e300 }];
  for (const each of policies)
    for (const attempt of [-Infinity, -1, 0, 0.5, 1, 1_000, 1e9, Infinity, Number.NaN]) {
      const waitMs = backoffMs(each, attempt, () => Number.NaN);
      assert.ok(Number.isFinite(waitMs) && waitMs >= Math.min(each.initialMs, each.capMs), `attempt ${attempt}`);
    }
});

test('a short certificate is retried well within its last third', () => {
  const { initialMs, capMs } = transientBackoff(10_000);
  assert.deepEqual([initialMs, capMs], [250, 1_000]);
});

test('a long certificate is retried every few minutes at last', () => {
  const { initialMs, capMs } = transientBackoff(90 * dayMs);
  assert.deepEqual([initialMs, capMs], [30_000, 300_000]);
});

test('an unknown lifetime is retried as a long one', () => {
  assert.deepEqual(transientBackoff(Number.NaN), transientBackoff(90 * dayMs));
});

test('a final refusal waits an hour, doubling to 32 hours', () => {
  const waits = [0, 1, 2, 5, 6, 7, 1e9].map((failures) => terminalBackoffMs(failures, undefined, none) / hourMs);
  assert.deepEqual(waits, [1, 1, 2, 16, 32, 32, 32]);
  assert.equal(
    terminalBackoffMs(1, undefined, () => 1),
    1.1 * hourMs,
  );
});

test('a final refusal waits no longer than an eighth of the time to not-after, a second at least', () => {
  assert.equal(terminalBackoffMs(1, hourMs, none), hourMs / 8);
  assert.equal(terminalBackoffMs(1, 90 * dayMs, none), hourMs);
  assert.equal(terminalBackoffMs(1, 1, none), 1_000);
});

test('after not-after a final refusal is retried rarely, and not at the end of a day', () => {
  assert.equal(terminalBackoffMs(50, -hourMs, none), hourMs / 8);
  assert.equal(terminalBackoffMs(50, -90 * dayMs, none), 32 * hourMs);
  assert.equal(terminalBackoffMs(1, 0, none), hourMs);
  assert.equal(terminalBackoffMs(1, Number.NaN, none), hourMs);
});

test('the attempts of a certificate that is refused for a month before its end and a month after are few', () => {
  let attempts = 0;
  for (let atMs = 0; atMs < 60 * dayMs; attempts += 1)
    atMs += terminalBackoffMs(attempts + 1, 30 * dayMs - atMs || -1, none);
  assert.ok(attempts < 300, `found ${attempts}`);
});

test('an unanswered renewal is replaced after a quarter of what was left, 30 seconds at least', () => {
  assert.equal(replacementDelayMs(30 * dayMs, 0), 7.5 * dayMs);
  assert.equal(replacementDelayMs(40_000, 3), 30_000);
  assert.equal(replacementDelayMs(4_000, 3), 30_000);
});

test('an unanswered first issuance is replaced after an hour, doubling to a day', () => {
  const delays = [0, 1, 4, 5, 1e9].map((replacements) => replacementDelayMs(undefined, replacements) / hourMs);
  assert.deepEqual(delays, [1, 2, 16, 24, 24]);
});

test('a renewal that is too late for a replacement is replaced ever more rarely', () => {
  const delays = [0, 1, 2, 1e9].map((replacements) => replacementDelayMs(3_000, replacements) / 1_000);
  assert.deepEqual(delays, [30, 60, 120, 86_400]);
  assert.equal(replacementDelayMs(-dayMs, 0), 30_000);
});
