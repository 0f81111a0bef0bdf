import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { format, inspect } from 'node:util';
import { createLogger } from './logger.ts';
import { Secret } from './secret.ts';

const secret = new Secret('hunter2');

describe('Secret', () => {
  test('shows its value only through reveal()', () => {
    assert.equal(secret.reveal(), 'hunter2');
    const shown = [
      String(secret),
      JSON.stringify({ secret }),
      inspect({ deep: [secret] }, { showHidden: true, depth: 9 }),
      format('%s %o %j', secret, secret, secret),
      JSON.stringify(Object.entries(secret)),
    ];
    for (const text of shown) assert.ok(!text.includes('hunter2'), text);
  });
});

describe('createLogger', () => {
  test("redacts secrets and fields with a secret's name", () => {
    let output = '';
    const log = createLogger(1, { write: (line: string) => void (output += line) });
    log.info(
      { secret, password: 'hunter2', request: { token: 'hunter2', volumeContext: { p: 'hunter2' } } },
      'message',
    );
    assert.ok(!output.includes('hunter2'), output);
    assert.match(output, /"msg":"message"/);
  });

  test('logs by verbosity like klog', () => {
    const linesOf = (verbosity: number): number => {
      let lines = 0;
      const log = createLogger(verbosity, { write: () => void (lines += 1) });
      log.trace('t');
      log.debug('d');
      log.info('i');
      return lines;
    };
    assert.deepEqual([0, 1, 2, 4, 5].map(linesOf), [1, 1, 2, 2, 3]);
  });
});
