import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FleetView } from '../../fleet-index/view/fleet-view.ts';
import { unreachableRedis } from '../../redis/redis-health.ts';
import type { UndecidedRenewal } from '../../renewals/undecided-renewals.ts';
import { attention } from './attention.ts';

const nowMs = Date.parse('2026-03-01T12:00:00Z');
const stopped: UndecidedRenewal = {
  ...{ name: 'roll-1', reason: 'a leaked key', state: 'stopped', pending: 3, failures: 2 },
  sinceMs: Date.parse('2026-03-01T11:30:00Z'),
};

const problemsOf = (renewals: readonly UndecidedRenewal[]) =>
  attention({
    ...{ stats: new FleetView().aggregate(nowMs), lanes: [], silent: [], renewals, nowMs },
    redis: { ...unreachableRedis, reachable: true, maxmemoryPolicy: 'noeviction' },
  });

describe('attention', () => {
  test('names each renewal that waits for an operator, with a link to it', () => {
    assert.deepEqual(
      problemsOf([stopped, { ...stopped, state: 'awaiting-approval', pending: 1, sinceMs: undefined }]),
      [
        {
          ...{ severity: 'warning', kind: 'renewal-stopped', count: 3, since: '2026-03-01T11:30:00.000Z' },
          facts: { reason: 'a leaked key', pending: 3, failures: 2, at: '2026-03-01T11:30:00.000Z' },
          text: 'the renewal “a leaked key” stopped at 11:30 UTC after 2 failed attempts: 3 volumes are not renewed',
          link: '/renewals/roll-1',
        },
        {
          ...{ severity: 'warning', kind: 'renewal-awaiting-approval', count: 1, link: '/renewals/roll-1' },
          facts: { reason: 'a leaked key', pending: 1 },
          text: 'the renewal “a leaked key” waits for an approval after its canary: 1 volume is not renewed',
        },
      ],
    );
  });

  test('lists ten of them and counts the others', () => {
    const found = problemsOf(Array.from({ length: 14 }, (_, i) => ({ ...stopped, name: `roll-${i}` })));
    assert.equal(found.length, 11);
    const rest = found.find(({ link }) => link === '/renewals');
    assert.deepEqual([rest?.kind, rest?.facts, rest?.count], ['more-renewals-stopped', { renewals: 4 }, 12]);
    assert.equal(rest?.text, '4 more renewals have stopped');
  });
});
