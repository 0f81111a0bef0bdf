import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { countPodCertificates } from '../../pod-certificates/pod-certificate-stats.ts';
import { issuedRow, refusedRow, rowOf } from '../../pod-certificates/testing/rows.ts';
import type { PodCertificateRow } from '../../pod-certificates/pod-certificate-row.ts';
import { podCertificateAttention } from './pod-certificate-attention.ts';
import type { PodCertificateFacts } from './pod-certificate-attention.ts';

const nowMs = Date.parse('2026-11-30T12:00:00Z');
const minuteMs = 60_000;

function itemsOf(
  rows: readonly PodCertificateRow[],
  more: Partial<PodCertificateFacts> = {},
  redis = { reachable: true },
): ReturnType<typeof podCertificateAttention> {
  const facts = { stats: countPodCertificates(rows, nowMs), following: 'current', problem: undefined } as const;
  return podCertificateAttention({ ...facts, ...more }, { redis, nowMs });
}

describe('what needs attention of pod certificates', () => {
  test('names signer, condition, start and the latest refusal, and links to exactly these', () => {
    const early = refusedRow('a', nowMs - 20 * minuteMs, 'NotAllowed', 'no entry of allowed matches');
    const late = refusedRow('b', nowMs - 10 * minuteMs, 'KeyType', 'RSA2048 is not allowed');
    assert.deepEqual(itemsOf([early, late, issuedRow('ok', nowMs, 60)]), [
      {
        ...{ severity: 'warning', kind: 'pod-certificates-denied', count: 2, since: '2026-11-30T11:40:00.000Z' },
        facts: {
          ...{ certificates: 2, signer: 'example.com/internal', at: '2026-11-30T11:40:00.000Z' },
          message: 'KeyType: RSA2048 is not allowed',
        },
        link: '/pod-certificates?risk=denied&signer=example.com%2Finternal',
      },
    ]);
  });

  test('is critical for what has expired or expires within an hour, and nothing is if all is well', () => {
    assert.deepEqual(itemsOf([issuedRow('ok', nowMs, 60)]), []);
    const severityOf = (row: PodCertificateRow): readonly string[] => itemsOf([row]).map(({ severity }) => severity);
    assert.deepEqual(severityOf(issuedRow('expired', nowMs, -1)), ['critical']);
    assert.deepEqual(severityOf(issuedRow('overdue', nowMs, 40)), ['critical']);
    const { certificate } = issuedRow('running', nowMs, 40 * 60);
    assert.ok(certificate);
    const refused = refusedRow('refused', nowMs, 'NotAllowed', '');
    assert.deepEqual(severityOf({ ...refused, certificate }), ['warning']);
    assert.deepEqual(severityOf({ ...refused, certificate: { ...certificate, notAfterMs: nowMs } }), ['critical']);
  });

  test('says what is not known, and leaves an unreachable Redis to its own item', () => {
    const [unknown] = itemsOf([rowOf('unknown')]);
    assert.deepEqual(
      [unknown?.severity, unknown?.kind, unknown?.facts, unknown?.link],
      ['info', 'pod-certificates-unknown', { certificates: 1 }, '/pod-certificates?state=unknown'],
    );
    const outdated = { following: 'outdated', problem: 'no replica follows them' } as const;
    const [item] = itemsOf([], outdated);
    assert.deepEqual([item?.kind, item?.facts], ['pod-certificates-outdated', { message: 'no replica follows them' }]);
    assert.deepEqual(itemsOf([], outdated, { reachable: false }), []);
    assert.equal(itemsOf([], { following: 'loading' })[0]?.kind, 'pod-certificates-not-loaded');
  });

  test('lists the critical ones first, and counts what is beyond ten', () => {
    const many = Array.from({ length: 12 }, (_, i) => ({
      ...refusedRow(`d${i}`, nowMs - minuteMs, 'NotAllowed', ''),
      signer: `example.com/${i}`,
    }));
    const items = itemsOf([...many, issuedRow('expired', nowMs, -1)]);
    assert.equal(items.length, 11);
    assert.equal(items[0]?.kind, 'pod-certificates-expired');
    const rest = items.at(-1);
    assert.deepEqual([rest?.kind, rest?.facts], ['more-pod-certificates-at-risk', { groups: 3 }]);
  });
});
