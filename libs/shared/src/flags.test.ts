import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { boolean, integerBetween, nonEmpty } from './flag-parsers.ts';
import { describeFlags, parseFlags } from './flags.ts';

const table = {
  'node-id': { fallback: undefined, help: 'Name of the node.', parse: nonEmpty },
  verbose: { fallback: 'false', isSwitch: true, help: 'More output.', parse: boolean },
  level: { fallback: '1', short: 'v', help: 'The level of output.', parse: integerBetween(0, 10) },
  gate: { repeatable: true, help: 'A condition.', parse: nonEmpty },
} as const;
const parse = (argv: string[], env = {}): ReturnType<typeof parseFlags<typeof table>> => parseFlags(table, argv, env);

describe('parseFlags', () => {
  test('reads every spelling that pflag accepts', () => {
    for (const argv of [
      ['--node-id=a=b', '--verbose', '-v=3', '--gate=x', '--gate', 'y'],
      ['--node-id', 'a=b', '--verbose=true', '-v', '3', '--gate', 'x', '--gate=y'],
      ['--node-id=other', '--node-id=a=b', '--verbose=T', '--level=3', '--gate=x', '--gate=y'],
    ]) {
      assert.deepEqual(parse(argv), { 'node-id': 'a=b', verbose: true, level: 3, gate: ['x', 'y'] }, argv.join(' '));
    }
  });

  test('falls back to the environment, then to the default', () => {
    assert.deepEqual(parse([], { CERTFLEET_NODE_ID: 'env', CERTFLEET_LEVEL: '7', CERTFLEET_GATE: 'g' }), {
      'node-id': 'env',
      verbose: false,
      level: 7,
      gate: ['g'],
    });
    assert.equal(parse(['--node-id=argv'], { CERTFLEET_NODE_ID: 'env' })['node-id'], 'argv');
  });

  test('reports all problems at once and nothing else', () => {
    assert.throws(
      () => parse(['--bogus=1', '-x', 'stray', '--level=11', '--verbose=maybe', '--gate=', '--gate=fine', '--level']),
      (error: Error) => {
        assert.deepEqual(error.message.split('; '), [
          '--bogus: no such flag',
          '-x: no such flag',
          'expected only flags, found "stray"',
          '--level: expected a value, found nothing',
          '--node-id: required, found nothing',
          '--verbose: expected true or false, found "maybe"',
          '--level: expected a whole number from 0 to 10, found "11"',
          '--gate: expected a value, found ""',
        ]);
        return true;
      },
    );
  });
});

describe('describeFlags', () => {
  test('describes each flag with its default', () => {
    assert.equal(
      describeFlags(table),
      [
        '  --node-id (required)',
        '      Name of the node.',
        '  --verbose (default false)',
        '      More output.',
        '  --level, -v (default 1)',
        '      The level of output.',
        '  --gate (repeatable)',
        '      A condition.',
        '',
      ].join('\n'),
    );
  });
});
