import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { labelProblem, labelValue, otherLabels, withLabelValue } from './label-filter.ts';

describe('a filter by labels', () => {
  test('has the values of a key', () => {
    assert.equal(labelValue('team=pay*, app.kubernetes.io/part-of=shop', 'app.kubernetes.io/part-of'), 'shop');
    assert.equal(labelValue('team=pay,a=1,team=core', 'team'), 'pay,core');
    assert.equal(labelValue('team=pay', 'tea'), '');
    assert.equal(labelValue(undefined, 'team'), '');
  });

  test('changes one key and keeps the others in their order', () => {
    assert.equal(withLabelValue(undefined, 'team', 'pay'), 'team=pay');
    assert.equal(withLabelValue('a=1,team=pay, b=2', 'team', 'core'), 'a=1,team=core,b=2');
    assert.equal(withLabelValue('team=pay,a=1', 'team', 'pay,core'), 'team=pay,team=core,a=1');
    assert.equal(withLabelValue('team=pay,a=1,team=core', 'team', 'ops'), 'team=ops,a=1');
    assert.equal(withLabelValue('a=1,team=pay', 'team', ''), 'a=1');
    assert.equal(withLabelValue('team=pay', 'team', ''), '');
    assert.equal(withLabelValue('a=1', 'team', 'pay'), 'a=1,team=pay');
  });

  test('has keys without an input', () => {
    assert.deepEqual(otherLabels('a=1,b=2', ['b']), ['a']);
    assert.deepEqual(otherLabels(undefined, []), []);
  });

  test('explains a text that no value contains', () => {
    assert.equal(labelProblem('pay*_1.x-y'), undefined);
    assert.match(labelProblem('pay,core') ?? '', /letters/);
    assert.match(labelProblem('a b') ?? '', /letters/);
  });
});
