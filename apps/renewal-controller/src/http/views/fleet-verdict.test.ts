import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Attention } from '@certfleet/operator-api/summary.ts';
import { fleetVerdict } from './fleet-verdict.ts';

const problem = (severity: Attention['severity'], text: string): Attention => ({
  severity,
  kind: 'expired',
  facts: { volumes: 1 },
  text,
  count: 1,
  link: '/volumes?state=failing',
});
const fine = { doubts: [], attention: [], atRisk: 0, nowMs: 0 };

describe('fleetVerdict', () => {
  test('is ok only without a doubt, a problem or a volume at risk', () => {
    assert.deepEqual(fleetVerdict(fine), { level: 'ok', reasons: [], more: 0 });
    assert.equal(fleetVerdict({ ...fine, attention: [problem('info', 'a lane is paused')] }).level, 'ok');
    const atRisk = fleetVerdict({ ...fine, attention: [problem('info', 'a lane is paused')], atRisk: 2 });
    assert.equal(atRisk.level, 'attention');
    const text = '2 volumes are not certain to be renewed';
    assert.deepEqual(atRisk.reasons, [{ kind: 'at-risk', facts: { volumes: 2 }, text, link: '/at-risk' }]);
  });

  test('is critical for one critical problem, and lists five reasons at most', () => {
    const attention = [problem('critical', 'expired'), ...Array.from({ length: 7 }, () => problem('warning', 'slow'))];
    const { level, reasons, more } = fleetVerdict({ ...fine, attention });
    assert.deepEqual([level, reasons[0]?.text, reasons.length, more], ['critical', 'expired', 5, 3]);
    assert.equal(fleetVerdict({ ...fine, attention: attention.slice(1, 2) }).level, 'attention');
  });

  test('is unknown if the counts may be outdated, with the known problems after the doubt', () => {
    const attention = [problem('critical', 'expired')];
    const doubts = [{ kind: 'index-not-loaded', facts: {} }] as const;
    const { level, reasons } = fleetVerdict({ ...fine, doubts, attention });
    assert.equal(level, 'unknown');
    assert.deepEqual(
      reasons.map(({ kind, text }) => [kind, text]),
      [
        ['index-not-loaded', 'The index of volumes is not loaded: the counts may be outdated'],
        ['expired', 'expired'],
      ],
    );
  });

  test('is unknown rather than ok while pod certificates are unknown, and a problem counts more', () => {
    const pods = { certificates: 3, signer: 'example.com/internal', at: new Date(0).toISOString() };
    const common = { count: 3, link: '/pod-certificates' };
    const unknown: Attention = {
      ...{ ...common, severity: 'info', text: '3 unknown' },
      ...{ kind: 'pod-certificates-unknown', facts: { certificates: 3 } },
    };
    const outdated: Attention = {
      ...{ ...common, severity: 'warning', text: 'outdated' },
      ...{ kind: 'pod-certificates-outdated', facts: {} },
    };
    const denied: Attention = {
      ...{ ...common, severity: 'warning', text: 'denied' },
      ...{ kind: 'pod-certificates-denied', facts: pods },
    };
    const verdictOf = (attention: readonly Attention[], atRisk = 0): readonly string[] => {
      const { level, reasons } = fleetVerdict({ ...fine, attention, atRisk });
      return [level, ...reasons.map(({ text }) => text)];
    };
    assert.deepEqual(verdictOf([unknown]), ['unknown', '3 unknown']);
    assert.deepEqual(verdictOf([outdated]), ['unknown', 'outdated']);
    assert.deepEqual(verdictOf([outdated, denied]), ['attention', 'denied', 'outdated']);
    assert.deepEqual(verdictOf([unknown, problem('critical', 'expired')]), ['critical', 'expired', '3 unknown']);
    // A problem of pod certificates does not say that volumes are at risk.
    assert.deepEqual(verdictOf([denied], 1), ['attention', 'denied', '1 volume is not certain to be renewed']);
  });
});
