import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  boolean,
  byteSize,
  integerBetween,
  labelKey,
  listenAddress,
  nonEmpty,
  numberBetween,
  optional,
  optionalClusterName,
  positiveDuration,
} from './flag-parsers.ts';

/** Each parser with accepted and rejected texts. */
const cases: readonly [string, (text: string) => unknown, Readonly<Record<string, unknown>>, readonly string[]][] = [
  ['nonEmpty', nonEmpty, { a: 'a', ' ': ' ' }, ['']],
  ['optional', optional, { a: 'a', '': undefined }, []],
  [
    'optionalClusterName',
    optionalClusterName,
    { '': undefined, 'prod-eu.1_a': 'prod-eu.1_a', ['n'.repeat(63)]: 'n'.repeat(63) },
    ['-a', 'a-', 'a b', 'a"b', 'a/b', 'é', 'n'.repeat(64)],
  ],
  [
    'labelKey',
    labelKey,
    { team: 'team', 'example.com/owner': 'example.com/owner' },
    ['', '/a', 'a/', 'a b', 'a/b/c', 'a=b'],
  ],
  ['numberBetween', numberBetween(0, 2), { '0': 0, '2': 2, '0.5': 0.5, '1e0': 1 }, ['', ' ', '-1', '2.1', 'x', 'NaN']],
  ['integerBetween', integerBetween(1, 10), { '1': 1, '10': 10 }, ['0', '11', '1.5', '1e1', '-1', '', ' 5']],
  ['boolean', boolean, { '1': true, t: true, TRUE: true, '0': false, F: false, False: false }, ['yes', '', 'tRue']],
  ['positiveDuration', positiveDuration, { '1h30m': 5_400_000, '1.5s': 1_500 }, ['0', '0s', '-1s', '5', 'soon']],
  [
    'byteSize',
    byteSize,
    {
      '5': 5,
      '2Ki': 2_048,
      '64Mi': 67_108_864,
      '1Gi': 2 ** 30,
      '100k': 100_000,
      '64M': 64e6,
      '2G': 2e9,
      '1Ti': 2 ** 40,
    },
    ['', '0', '0Mi', '-1', '1.5Mi', 'Mi', '64m', '64K', '64MB', '64 Mi', '1e6', '9999999Ti', '5\n'],
  ],
  [
    'listenAddress',
    listenAddress,
    {
      '0': undefined,
      '': undefined,
      ':9402': { host: undefined, port: 9402 },
      'localhost:0': { host: 'localhost', port: 0 },
      '[::1]:80': { host: '::1', port: 80 },
    },
    ['9402', 'host', '::1:80', ':65536', '[x]:1', ':'],
  ],
];

describe('flag parsers', () => {
  for (const [name, parse, taken, refused] of cases) {
    test(`${name} accepts valid text and rejects invalid text`, () => {
      for (const [text, value] of Object.entries(taken)) assert.deepEqual(parse(text), value, JSON.stringify(text));
      for (const text of refused) {
        assert.throws(
          () => parse(text),
          { code: 'invalid-argument' },
          `expected ${JSON.stringify(text)} to be rejected`,
        );
      }
    });
  }
});
