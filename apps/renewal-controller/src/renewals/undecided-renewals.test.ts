import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RenewalObject } from './renewal-object.ts';
import { undecidedRenewals } from './undecided-renewals.ts';

function renewal(name: string, spec: object, status: object, metadata: object = {}): RenewalObject {
  return {
    apiVersion: 'certfleet.io/v1alpha1',
    kind: 'Renewal',
    metadata: {
      ...{ name, uid: name, resourceVersion: '1', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' },
      ...metadata,
    },
    spec: { selection: { namespace: 'shop' }, reason: `why ${name}`, ...spec },
    status: { total: 5, renewed: 2, targets: [], ...status },
  };
}

const limited = { stopAfterFailures: 3 };
const canary = { canary: { volumes: 2 } };
const stalled = { type: 'Stalled', status: 'True', lastTransitionTime: '2026-01-01T01:00:00Z' };
const waiting = { state: 'AwaitingApproval', canary: { total: 2, pending: 0 } };

describe('undecided renewals', () => {
  test('have stopped after failures, or wait for the approval after their canary', () => {
    const found = undecidedRenewals([
      renewal('waits', canary, waiting),
      renewal('stopped', limited, { state: 'Stopped', failures: 3, conditions: [stalled] }),
      // Its status does not show the stop yet.
      renewal('stops', limited, { state: 'Running', failures: 4 }),
    ]);
    assert.deepEqual(found, [
      {
        ...{ name: 'stopped', reason: 'why stopped', state: 'stopped', pending: 3, failures: 3 },
        sinceMs: Date.parse('2026-01-01T01:00:00Z'),
      },
      { name: 'stops', reason: 'why stops', state: 'stopped', pending: 3, failures: 4, sinceMs: undefined },
      { name: 'waits', reason: 'why waits', state: 'awaiting-approval', pending: 3, failures: 0, sinceMs: undefined },
    ]);
  });

  test('are not those that continue, are finished, suspended or deleted', () => {
    const others = [
      renewal('runs', limited, { state: 'Running', failures: 2 }),
      renewal('resumed', limited, { state: 'Running', failures: 5, acceptedFailures: 3 }),
      renewal('approved', canary, {
        state: 'Running',
        canary: { ...waiting.canary, approvalTime: '2026-01-01T00:00:00Z' },
      }),
      renewal('done', limited, { state: 'Completed', failures: 3 }),
      renewal('suspended', { ...limited, suspend: true }, { state: 'Stopped', failures: 3 }),
      renewal('deleted', limited, { state: 'Stopped', failures: 3 }, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    ];
    assert.deepEqual(undecidedRenewals(others), []);
  });
});
