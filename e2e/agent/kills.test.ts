import { test } from 'node:test';
import { assertKillsAreHarmless } from './kills.ts';
import { cannotMount } from './test-node.ts';

const seed = Number(process.env['CERTFLEET_TEST_SEED'] ?? 1);

test('thirty kills cause no duplicate request, no lost volume and no leftover', { skip: cannotMount }, (t) =>
  assertKillsAreHarmless(t, { seed, lives: 15 }),
);
