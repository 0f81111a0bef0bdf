import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bulkIdOf, bulkIdParts, isEarlierBulk, isInForce, isStopped } from './renewal-object.ts';
import type { RenewalObject } from './renewal-object.ts';
import { countsOf, phases, statusOf } from './renewal-status.ts';

const object: RenewalObject = {
  apiVersion: 'certfleet.io/v1alpha1',
  kind: 'Renewal',
  metadata: { name: 'r', uid: 'u', resourceVersion: '1', generation: 2, creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { selection: { namespace: 'shop' }, reason: 'test' },
  status: { total: 4, skipped: 1, targets: [] },
};
const counts = countsOf({ total: 4, pending: 1, unreported: 2, renewed: [1], failures: [0] });

describe('the status of a Renewal', () => {
  test('keeps the times of conditions whose status does not change', () => {
    const running = phases.running(object.status ?? {}, counts, { unreportedNodes: ['a', 'b', 'c', 'd'] });
    const first = statusOf(object, running, 1_000);
    const second = statusOf({ ...object, status: first }, running, 60_000);
    assert.deepEqual(second, first);
    const done = statusOf({ ...object, status: first }, phases.complete(first, counts, 60_000), 60_000);
    const timeOf = (type: string): string | undefined =>
      done.conditions?.find((condition) => condition.type === type)?.lastTransitionTime;
    assert.deepEqual([timeOf('Accepted'), timeOf('Complete')], ['1970-01-01T00:00:01Z', '1970-01-01T00:01:00Z']);
    assert.equal(timeOf('Reconciling'), undefined);
  });

  test('names the nodes that have not reported, and shows finished and selected volumes', () => {
    const status = statusOf(
      object,
      phases.running(object.status ?? {}, counts, { unreportedNodes: ['a', 'b', 'c', 'd'] }),
      0,
    );
    const message = status.conditions?.find(({ type }) => type === 'Reconciling')?.message;
    assert.equal(message, '1 of 4 volumes renewed; waiting for the reports of 2 volumes on a, b, c and 1 more');
    assert.equal(status.progress, '1/4');
    assert.equal(status.observedGeneration, 2);
  });
});

describe('a Renewal in force', () => {
  test('is accepted, and neither suspended, deleted, finished nor a dry run', () => {
    assert.ok(isInForce(object));
    const others: RenewalObject[] = [
      { ...object, status: {} },
      { ...object, spec: { ...object.spec, suspend: true } },
      { ...object, spec: { ...object.spec, dryRun: true } },
      { ...object, metadata: { ...object.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } },
      { ...object, status: { ...object.status, state: 'Completed' } },
    ];
    for (const other of others) assert.ok(!isInForce(other), JSON.stringify(other));
  });

  test('has another bulk renewal after a change of its spec, with an id unlike those of earlier releases', () => {
    const changed = { ...object, metadata: { ...object.metadata, generation: 3 } };
    assert.notEqual(bulkIdOf(changed), bulkIdOf(object));
    assert.deepEqual([bulkIdParts(bulkIdOf(changed))?.generation, bulkIdParts('0123456789abcdef')], [3, undefined]);
  });
});

describe('a Renewal that stops after failures', () => {
  const limited: RenewalObject = { ...object, spec: { ...object.spec, stopAfterFailures: 3 } };
  const after = (failures: number, acceptedFailures?: number): RenewalObject => ({
    ...limited,
    status: { ...limited.status, failures, ...(acceptedFailures !== undefined && { acceptedFailures }) },
  });

  test('is not in force from that number on, until an operator accepts the failures or raises the number', () => {
    assert.deepEqual([after(2), after(3), after(4)].map(isInForce), [true, false, false]);
    assert.deepEqual([after(4, 4), after(6, 4), after(7, 4)].map(isStopped), [false, false, true]);
    const raised = { ...after(4), spec: { ...limited.spec, stopAfterFailures: 5 } };
    assert.ok(isInForce(raised));
  });

  test('has another bulk renewal after it is resumed, and the earlier one is known as such', () => {
    const [first, resumed] = [bulkIdParts(bulkIdOf(after(3))), bulkIdParts(bulkIdOf(after(3, 3)))];
    assert.ok(first !== undefined && resumed !== undefined);
    assert.deepEqual([resumed.prefix, resumed.generation, resumed.acceptedFailures], [first.prefix, 2, 3]);
    assert.deepEqual(
      [first, resumed].map((id) => isEarlierBulk(id, after(3, 3))),
      [true, false],
    );
    const suspended = { ...after(3, 3), metadata: { ...object.metadata, generation: 3 } };
    assert.ok(isEarlierBulk(resumed, suspended));
  });

  test('shows it as stalled, with what continues it', () => {
    const stopped = statusOf(
      after(3),
      phases.stopped(object.status ?? {}, { ...counts, failures: 3 }, { limit: 3 }),
      0,
    );
    const stalled = stopped.conditions?.find(({ type }) => type === 'Stalled');
    assert.match(`${stopped.state} ${stalled?.reason}`, /^Stopped TooManyFailures$/);
    assert.match(stalled?.message ?? '', /stopped at 3 failed attempts: .* 3 failed attempts$/);
  });
});
