import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { budgetProblem, selects } from './disruption-budget.ts';
import type { DisruptionBudget } from './disruption-budget.ts';
import { rolloutState } from './workload.ts';
import type { Workload } from './workload.ts';

const settled = { observedGeneration: 3, replicas: 10, updatedReplicas: 10 };
const deployment = (spec: object = {}, status: object = {}): Workload => ({
  metadata: { generation: 3 },
  spec: { replicas: 10, ...spec },
  status: { ...settled, ...status },
});
const rolling = (rollingUpdate: object): object => ({ type: 'RollingUpdate', rollingUpdate });

describe('rolloutState', () => {
  test('is the number of pods that the strategy of a Deployment takes down at once', () => {
    const of = (strategy: object): unknown => rolloutState('Deployment', deployment({ strategy }));
    assert.deepEqual(of({}), { maxUnavailable: 2 });
    assert.deepEqual(of(rolling({ maxUnavailable: 0, maxSurge: 1 })), { maxUnavailable: 0 });
    assert.deepEqual(of(rolling({ maxUnavailable: '30%' })), { maxUnavailable: 3 });
    assert.deepEqual(of(rolling({ maxUnavailable: '5%', maxSurge: '0%' })), { maxUnavailable: 1 });
    assert.deepEqual(of({ type: 'Recreate' }), { maxUnavailable: 10 });
  });

  test('is the same for StatefulSets and DaemonSets', () => {
    const stateful = (updateStrategy: object): unknown => rolloutState('StatefulSet', deployment({ updateStrategy }));
    assert.deepEqual(stateful({}), { maxUnavailable: 1 });
    assert.deepEqual(stateful(rolling({ maxUnavailable: '25%' })), { maxUnavailable: 3 });
    const daemon = (updateStrategy: object): unknown =>
      rolloutState('DaemonSet', {
        metadata: { generation: 3 },
        spec: { updateStrategy },
        status: { observedGeneration: 3, desiredNumberScheduled: 20, updatedNumberScheduled: 20 },
      });
    assert.deepEqual(daemon({}), { maxUnavailable: 1 });
    assert.deepEqual(daemon(rolling({ maxUnavailable: '10%' })), { maxUnavailable: 2 });
    assert.deepEqual(daemon(rolling({ maxUnavailable: 0, maxSurge: 1 })), { maxUnavailable: 0 });
  });

  test('is blocked while an earlier rollout is in progress', () => {
    const blocked = { blocked: 'an earlier rollout is in progress' };
    for (const status of [{ observedGeneration: 2 }, { updatedReplicas: 9 }, { replicas: 12 }])
      assert.deepEqual(rolloutState('Deployment', deployment({}, status)), blocked);
    assert.deepEqual(rolloutState('Deployment', { metadata: { generation: 1 } }), blocked);
    assert.deepEqual(rolloutState('StatefulSet', deployment({}, { updatedReplicas: 3 })), blocked);
    const partition = { updateStrategy: rolling({ partition: 7 }) };
    assert.deepEqual(rolloutState('StatefulSet', deployment(partition, { updatedReplicas: 3 })), { maxUnavailable: 1 });
    const daemonStatus = { observedGeneration: 3, desiredNumberScheduled: 20, updatedNumberScheduled: 19 };
    assert.deepEqual(rolloutState('DaemonSet', { metadata: { generation: 3 }, status: daemonStatus }), blocked);
  });

  test('is not blocked by pods that are not available: an expired certificate may be the reason', () => {
    const status = { availableReplicas: 0, unavailableReplicas: 10 };
    assert.deepEqual(rolloutState('Deployment', deployment({}, status)), { maxUnavailable: 2 });
  });

  test('is blocked if a change of the template replaces no pod', () => {
    assert.deepEqual(rolloutState('Deployment', deployment({ paused: true })), { blocked: 'it is paused' });
    for (const kind of ['StatefulSet', 'DaemonSet'] as const) {
      const state = rolloutState(kind, deployment({ updateStrategy: { type: 'OnDelete' } }));
      assert.match('blocked' in state ? state.blocked : '', /updateStrategy is OnDelete/);
    }
  });
});

describe('budgetProblem', () => {
  const labels = { app: 'web', tier: 'front' };
  const budget = (disruptionsAllowed: number, selector: object | null = { matchLabels: { app: 'web' } }) =>
    ({
      metadata: { name: 'web', generation: 1 },
      spec: { selector },
      status: { observedGeneration: 1, disruptionsAllowed },
    }) satisfies DisruptionBudget;

  test('is a budget that allows fewer disruptions than the strategy makes', () => {
    assert.equal(budgetProblem([], labels, 5), undefined);
    assert.equal(budgetProblem([budget(2)], labels, 2), undefined);
    assert.match(budgetProblem([budget(5), budget(1)], labels, 2) ?? '', /^PodDisruptionBudget web allows 1 .* 2 pods/);
    assert.equal(budgetProblem([budget(0)], labels, 0), undefined);
  });

  test('is a budget whose status is not current', () => {
    const outdated = { ...budget(9), metadata: { name: 'web', generation: 2 } };
    assert.equal(budgetProblem([outdated], labels, 1), 'PodDisruptionBudget web has no current status');
    const { metadata, spec } = budget(9);
    assert.equal(budgetProblem([{ metadata, spec }], labels, 1), 'PodDisruptionBudget web has no current status');
  });

  test('is not a budget of other pods', () => {
    assert.equal(budgetProblem([budget(0, { matchLabels: { app: 'db' } })], labels, 1), undefined);
    assert.equal(budgetProblem([budget(0, null)], labels, 1), undefined);
    assert.match(budgetProblem([budget(0, {})], labels, 1) ?? '', /allows 0/);
  });

  test('reads every operator of selectors', () => {
    const matches = (key: string, operator: string, values?: string[]): boolean =>
      selects({ matchExpressions: [{ key, operator, ...(values && { values }) }] }, labels);
    assert.deepEqual(
      [matches('app', 'In', ['web']), matches('app', 'In', ['db']), matches('none', 'In', ['web'])],
      [true, false, false],
    );
    assert.deepEqual(
      [matches('app', 'NotIn', ['web']), matches('app', 'NotIn', ['db']), matches('none', 'NotIn', ['web'])],
      [false, true, true],
    );
    assert.deepEqual([matches('app', 'Exists'), matches('none', 'Exists')], [true, false]);
    assert.deepEqual([matches('app', 'DoesNotExist'), matches('none', 'DoesNotExist')], [false, true]);
    assert.ok(matches('app', 'Near'));
    assert.ok(!matches('toString', 'Exists'));
  });
});
