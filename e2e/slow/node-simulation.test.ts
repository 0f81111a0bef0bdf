import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { simulation } from '../node-simulation/simulation-process.ts';

describe('the simulation of a node', () => {
  test('breaks no rule with any single call failing, or in a hundred seeds', async (context) => {
    const { code, output } = await simulation(
      '--systematic',
      'all',
      '--seed',
      '1',
      '--count',
      '100',
      '--minutes',
      '40',
    );
    context.diagnostic(output.trim().split('\n').at(-1) ?? '');
    assert.equal(code, 0, output);
  });
});
