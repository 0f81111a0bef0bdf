import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { riskMatcher, riskOf } from './pod-certificate-risk.ts';
import { stateOf } from './pod-certificate-row.ts';
import type { PodCertificateRow } from './pod-certificate-row.ts';
import { issuedRow, refusedRow, rowOf } from './testing/rows.ts';

const nowMs = Date.parse('2026-11-30T12:00:00Z');
const minuteMs = 60_000;

/** The reason of a row's risk, and since how many minutes. */
function riskAt(row: PodCertificateRow, atMs = nowMs): string {
  const risk = riskOf(row, stateOf(row, atMs), atMs);
  return risk === undefined ? 'none' : `${risk.reason} ${(atMs - risk.sinceMs) / minuteMs}`;
}

const pending = (sinceMs: number): PodCertificateRow =>
  rowOf('p', { request: { uid: 'r', name: 'req-r', createdMs: sinceMs, sinceMs, outcome: 'pending' } });

describe('the risk of a pod certificate', () => {
  test('is its bad state, since it began', () => {
    assert.equal(riskAt(refusedRow('d', nowMs - 5 * minuteMs, 'NotAllowed', 'no')), 'denied 5');
    assert.equal(riskAt(issuedRow('e', nowMs, -3)), 'expired 3');
    // Refreshed from an hour before its end, and overdue eight minutes later.
    assert.equal(riskAt(issuedRow('o', nowMs, 30)), 'overdue 22');
    assert.equal(riskAt(issuedRow('ok', nowMs, 60)), 'none');
  });

  test('is none while a pod certificate is unknown until its next refresh', () => {
    const row = rowOf('u');
    assert.equal(stateOf(row, nowMs), 'unknown');
    assert.equal(riskAt(row), 'none');
  });

  test('is the wait of a pod that starts, after ten minutes', () => {
    assert.equal(riskAt(pending(nowMs - 10 * minuteMs)), 'none');
    assert.equal(riskAt(pending(nowMs - 11 * minuteMs)), 'waiting 11');
  });

  test('counts the wait for the first request from the time at which the pod got its node', () => {
    const followed = rowOf('n', { isFollowed: true, podCreatedMs: nowMs - 60 * minuteMs });
    assert.equal(riskAt({ ...followed, node: '' }), 'none');
    assert.equal(riskAt({ ...followed, scheduledMs: nowMs - 9 * minuteMs }), 'none');
    assert.equal(riskAt({ ...followed, scheduledMs: nowMs - 12 * minuteMs }), 'waiting 12');
    assert.equal(riskAt(followed), 'waiting 60');
  });

  test('is the wait of a refresh only after half of the time that it has', () => {
    const { certificate } = issuedRow('c', nowMs, 0);
    assert.ok(certificate);
    const refresh = { ...pending(nowMs - 45 * minuteMs), certificate };
    assert.equal(riskAt(refresh, nowMs - 30 * minuteMs), 'none');
    assert.equal(riskAt(refresh, nowMs - 29 * minuteMs), 'waiting 16');
  });

  test('is filtered by any, none or reasons', () => {
    const overdue = { reason: 'overdue', sinceMs: 0 } as const;
    const matches = (filter: string): readonly boolean[] => [overdue, undefined].map(riskMatcher(filter));
    assert.deepEqual(matches('any'), [true, false]);
    assert.deepEqual(matches('none'), [false, true]);
    assert.deepEqual(matches('denied,overdue'), [true, false]);
    assert.deepEqual(matches('denied'), [false, false]);
  });
});
