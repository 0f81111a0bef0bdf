import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { simulation } from './simulation-process.ts';

describe('the simulation of a node', () => {
  test('no rule breaks in recorded schedules, with a call of each kind failing, or in the first seeds', async (context) => {
    const { code, output } = await simulation(
      ...['--regressions', '--systematic', 'sample', '--seed', '1', '--count', '2', '--minutes', '60'],
    );
    context.diagnostic(output.trim().split('\n').at(-1) ?? '');
    assert.equal(code, 0, output);
  });

  test('a seed always gives the same steps', async () => {
    const run = (): ReturnType<typeof simulation> => simulation('--seed', '1', '--count', '1');
    const [first, second] = await Promise.all([run(), run()]);
    const withoutTimes = ({ output }: { output: string }): string => output.replaceAll(/ in \d+ s/g, '');
    assert.match(first.output, /1 scenarios/);
    assert.equal(withoutTimes(first).split('\n').at(-2), withoutTimes(second).split('\n').at(-2));
  });
});
