import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, test } from 'node:test';

/** In a child process: the simulation seeds Math.random and listens for unhandled rejections. */
async function simulation(...options: string[]): Promise<{ readonly code: unknown; readonly output: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...options]);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [unknown];
  return { code, output };
}

describe('the simulation of a node', () => {
  test(
    'no rule breaks in recorded schedules, with any single call failing, or in the first seeds',
    { timeout: 840_000 },
    async (context) => {
      const { code, output } = await simulation(
        '--regressions',
        '--systematic',
        'all',
        '--seed',
        '1',
        '--minutes',
        '2',
      );
      context.diagnostic(output.trim().split('\n').at(-1) ?? '');
      assert.equal(code, 0, output);
    },
  );

  test('a seed always gives the same steps', async () => {
    const run = (): ReturnType<typeof simulation> => simulation('--seed', '3', '--count', '1');
    const [first, second] = [await run(), await run()];
    const withoutTimes = ({ output }: { output: string }): string => output.replaceAll(/ in \d+ s/g, '');
    assert.match(first.output, /1 scenarios/);
    assert.equal(withoutTimes(first).split('\n').at(-2), withoutTimes(second).split('\n').at(-2));
  });
});
