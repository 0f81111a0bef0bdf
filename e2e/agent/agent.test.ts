// The agent as a process, with faults. The suites wait for most of their time, and each has nodes of its own.
import { describe, test } from 'node:test';
import { assertKillsAreHarmless } from './kills.ts';
import { crashSuite } from './suites/crash.ts';
import { faultsSuite } from './suites/faults.ts';
import { rotationSuite } from './suites/rotation.ts';
import { cannotMount } from './test-node.ts';

const seed = Number(process.env['CERTFLEET_TEST_SEED'] ?? 1);

describe('the agent', { concurrency: true }, () => {
  rotationSuite();
  crashSuite();
  faultsSuite();

  test('twenty kills cause no duplicate request, no lost volume and no leftover', { skip: cannotMount }, (t) =>
    assertKillsAreHarmless(t, { seed, lives: 10 }),
  );
});
