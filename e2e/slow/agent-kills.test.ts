import { describe, test } from 'node:test';
import { assertKillsAreHarmless } from '../agent/kills.ts';
import { cannotMount } from '../agent/test-node.ts';

describe('an agent that is killed', () => {
  for (const seed of [1, 2, 3]) {
    const title = `a hundred kills cause no duplicate request, no lost volume and no leftover (seed ${seed})`;
    test(title, { skip: cannotMount }, (t) => assertKillsAreHarmless(t, { seed, lives: 50 }));
  }
});
