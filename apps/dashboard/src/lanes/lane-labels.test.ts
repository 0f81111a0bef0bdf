import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describeRate, describeWindow } from './lane-labels.ts';

const policy = {
  ratePerSecond: 5,
  burst: 20,
  maxInFlight: 10,
  answerTimeoutMs: 60_000,
  jitter: 0.1,
  maxJitterMs: 60_000,
  priority: 5,
  windows: [{ cron: '0 1 * * *', durationMs: 4 * 3_600_000, timeZone: 'Europe/Berlin' }],
  backoff: { threshold: 3, initialMs: 1000, maxMs: 60_000 },
};

describe('lane labels', () => {
  test('describes a rate in a fitting unit of time, and the current rate if it is lower', () => {
    assert.equal(describeRate({ policy, pace: 1 }), '5/s, bursts of 20');
    assert.equal(describeRate({ policy: { ...policy, ratePerSecond: 0.5, burst: 1 }, pace: 1 }), '30/min');
    assert.equal(describeRate({ policy: { ...policy, ratePerSecond: 0.01, burst: 1 }, pace: 0.5 }), '36/h (now 18/h)');
    assert.equal(describeRate({ policy: { ...policy, ratePerSecond: 0 }, pace: 1 }), 'no limit');
  });

  test('describes windows with their length and time zone', () => {
    assert.equal(describeWindow({ policy }), '0 1 * * * for 4h (Europe/Berlin)');
    assert.equal(describeWindow({ policy: { ...policy, windows: [] } }), 'any time');
  });
});
