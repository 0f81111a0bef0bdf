import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chosenLabels } from './pod-facts.ts';

describe('chosenLabels', () => {
  test('takes the chosen labels that the pod has, and no property of objects', () => {
    const labels = { team: 'payments', secret: 'x' };
    assert.deepEqual(chosenLabels(['owner', 'team', 'constructor'], labels), [{ key: 'team', value: 'payments' }]);
  });
});
