import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Node } from '@certfleet/operator-api/nodes.ts';
import { isNodeSort, sortedNodes } from './sorted-nodes.ts';

const byState = { expired: 0, failing: 0, 'in-flight': 0, overdue: 0, due: 0, pending: 0, healthy: 0 };
const nodeOf = (name: string, fields: Partial<Node> = {}): Node => ({
  node: name,
  agentVersion: '1.0.0',
  connectedTo: 'replica',
  isSilent: false,
  volumes: 0,
  byState,
  ...fields,
});
const nodes = [
  nodeOf('b', { volumes: 3 }),
  nodeOf('c', { isSilent: true }),
  nodeOf('a', { volumes: 3, byState: { ...byState, failing: 1, expired: 1 } }),
];
const names = (found: readonly Node[]): string => found.map(({ node }) => node).join('');

describe('sortedNodes', () => {
  test('silent nodes come first, equal ones by name', () => {
    assert.equal(names(sortedNodes(nodes, { search: '', sort: 'agent', order: 'asc' })), 'cab');
    assert.equal(names(sortedNodes(nodes, { search: '', sort: 'volumes', order: 'desc' })), 'abc');
    assert.equal(names(sortedNodes(nodes, { search: '', sort: 'troubled', order: 'desc' })), 'abc');
  });

  test('a search matches parts of names and ignores case', () => {
    assert.equal(names(sortedNodes(nodes, { search: 'B', sort: 'node', order: 'asc' })), 'b');
  });

  test('accepts only known sort columns', () => {
    assert.deepEqual(['seen', 'toString', ''].map(isNodeSort), [true, false, false]);
  });
});
