import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
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

describe('renewalTime', () => {
  test('renews when a third of the time that remained at issuance is left', () => {
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

  test('renews a backdated certificate by its remaining time, not at once', () => {
    const times = { notBeforeMs: -hourMs, notAfterMs: 30 * minuteMs, issuedAtMs: 0 };
    assert.equal(renewalTime(times, undefined).renewAtMs, 20 * minuteMs);
  });

  test('renews a certificate with a future not-before by the time from not-before', () => {
    const times = { notBeforeMs: minuteMs, notAfterMs: 31 * minuteMs, issuedAtMs: 0 };
    assert.equal(renewalTime(times, undefined).renewAtMs, 21 * minuteMs);
  });

  test('rejects and reports a renew-before of nearly the whole granted lifetime', () => {
    const times = { notBeforeMs: 0, notAfterMs: 720 * hourMs + 30_000, issuedAtMs: 0 };
    const { renewAtMs, isRenewBeforeUsable } = renewalTime(times, 720 * hourMs);
    assert.equal(isRenewBeforeUsable, false);
    assert.equal(renewAtMs, times.notAfterMs - times.notAfterMs / 3);
  });

  test('accepts a renew-before up to 49 fiftieths of the remaining time', () => {
    const times = { notBeforeMs: -5_000, notAfterMs: 50_000, issuedAtMs: 0 };
    assert.deepEqual(renewalTime(times, 49_000), { renewAtMs: 1_000, isRenewBeforeUsable: true });
    assert.equal(renewalTime(times, 49_001).isRenewBeforeUsable, false);
  });

  test('rejects a renew-before that is not a positive number', () => {
    const times = { notBeforeMs: 0, notAfterMs: 30_000, issuedAtMs: 0 };
    for (const renewBeforeMs of [0, -1, Number.NaN, Infinity, -Infinity])
      assert.deepEqual(renewalTime(times, renewBeforeMs), { renewAtMs: 20_000, isRenewBeforeUsable: false });
  });

  test('waits a fiftieth of the remaining time before any renewal', () => {
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

  test('does not renew a certificate that had expired at issuance before its issuance', () => {
    assert.equal(renewalTime({ notBeforeMs: -hourMs, notAfterMs: -1, issuedAtMs: 0 }, 1_000).renewAtMs, 0);
  });
});

describe('minimumIntervalMs', () => {
  test('is a fiftieth of the lifetime, from a second to an hour', () => {
    assert.equal(minimumIntervalMs(10_000), 1_000);
    assert.equal(minimumIntervalMs(hourMs), 72_000);
    assert.equal(minimumIntervalMs(90 * dayMs), hourMs);
    assert.equal(minimumIntervalMs(-hourMs), 1_000);
    assert.equal(minimumIntervalMs(Number.NaN), hourMs);
    assert.equal(minimumIntervalMs(Infinity), hourMs);
  });
});

describe('backoffMs', () => {
  const policy = { initialMs: 100, factor: 2, jitter: 0.5, capMs: 500 };

  test('doubles up to the cap', () => {
    const waits = [1, 2, 3, 4, 50].map((attempt) => backoffMs(policy, attempt, none));
    assert.deepEqual(waits, [100, 200, 400, 500, 500]);
  });

  test('adds at most the jitter part', () => {
    assert.ok(backoffMs(policy, 1, () => 0.999999) < 150);
    assert.equal(
      backoffMs(policy, 1, () => 0.5),
      125,
    );
  });

  test('is finite and not shorter than the first wait for any number of attempts', () => {
    const policies = [
      policy,
      { ...policy, capMs: Infinity },
      { ...policy, initialMs: 0 },
      { ...policy, factor: 1e300 },
    ];
    for (const each of policies)
      for (const attempt of [-Infinity, -1, 0, 0.5, 1, 1_000, 1e9, Infinity, Number.NaN]) {
        const waitMs = backoffMs(each, attempt, () => Number.NaN);
        assert.ok(Number.isFinite(waitMs) && waitMs >= Math.min(each.initialMs, each.capMs), `attempt ${attempt}`);
      }
  });
});

describe('transientBackoff', () => {
  test('retries a short certificate well within its last third', () => {
    const { initialMs, capMs } = transientBackoff(10_000);
    assert.deepEqual([initialMs, capMs], [250, 1_000]);
  });

  test('retries a long certificate every few minutes in the end', () => {
    const { initialMs, capMs } = transientBackoff(90 * dayMs);
    assert.deepEqual([initialMs, capMs], [30_000, 300_000]);
  });

  test('treats an unknown lifetime as a long one', () => {
    assert.deepEqual(transientBackoff(Number.NaN), transientBackoff(90 * dayMs));
  });
});

describe('terminalBackoffMs', () => {
  test('waits an hour after a terminal failure, doubling to 32 hours', () => {
    const waits = [0, 1, 2, 5, 6, 7, 1e9].map((failures) => terminalBackoffMs(failures, undefined, none) / hourMs);
    assert.deepEqual(waits, [1, 1, 2, 16, 32, 32, 32]);
    assert.equal(
      terminalBackoffMs(1, undefined, () => 1),
      1.1 * hourMs,
    );
  });

  test('waits at most an eighth of the time to not-after, at least a second', () => {
    assert.equal(terminalBackoffMs(1, hourMs, none), hourMs / 8);
    assert.equal(terminalBackoffMs(1, 90 * dayMs, none), hourMs);
    assert.equal(terminalBackoffMs(1, 1, none), 1_000);
  });

  test('keeps retries after not-after rare', () => {
    assert.equal(terminalBackoffMs(50, -hourMs, none), hourMs / 8);
    assert.equal(terminalBackoffMs(50, -90 * dayMs, none), 32 * hourMs);
    assert.equal(terminalBackoffMs(1, 0, none), hourMs);
    assert.equal(terminalBackoffMs(1, Number.NaN, none), hourMs);
  });

  test('needs few attempts over a month before expiry and a month after', () => {
    let attempts = 0;
    for (let atMs = 0; atMs < 60 * dayMs; attempts += 1)
      atMs += terminalBackoffMs(attempts + 1, 30 * dayMs - atMs || -1, none);
    assert.ok(attempts < 300, `found ${attempts}`);
  });
});

describe('replacementDelayMs', () => {
  test('replaces an unanswered renewal after a quarter of the remaining time, at least 30 seconds', () => {
    assert.equal(replacementDelayMs(30 * dayMs, 0), 7.5 * dayMs);
    assert.equal(replacementDelayMs(40_000, 3), 30_000);
    assert.equal(replacementDelayMs(4_000, 3), 30_000);
  });

  test('replaces an unanswered first issuance after an hour, doubling to a day', () => {
    const delays = [0, 1, 4, 5, 1e9].map((replacements) => replacementDelayMs(undefined, replacements) / hourMs);
    assert.deepEqual(delays, [1, 2, 16, 24, 24]);
  });

  test('replaces a renewal that is too late less and less often', () => {
    const delays = [0, 1, 2, 1e9].map((replacements) => replacementDelayMs(3_000, replacements) / 1_000);
    assert.deepEqual(delays, [30, 60, 120, 120]);
    const expired = [10 * minuteMs, 8 * hourMs, 10 * dayMs].map((ageMs) => replacementDelayMs(-ageMs, 1e9) / minuteMs);
    assert.deepEqual(expired, [2.5, 120, 1_440]);
    assert.equal(replacementDelayMs(-dayMs, 0), 30_000);
  });
});
