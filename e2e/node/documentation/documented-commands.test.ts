// Every documented command is run by a test on a real node, or listed in a table with a reason.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { commandsNotRun } from './commands-not-run.ts';
import { documentedBlocks, documentedPages, readPage } from './documented-commands.ts';
import { phases } from './phases.ts';

const keys = documentedBlocks().map(({ key }) => key);
const run = new Set(phases.flatMap(({ steps }) => steps.flatMap((step) => ('run' in step ? [step.run] : []))));

describe('documented commands', () => {
  test('every block of commands is run, or listed with a reason', () => {
    assert.ok(keys.length > 40);
    assert.deepEqual(
      keys.filter((key) => !run.has(key) && !Object.hasOwn(commandsNotRun, key)),
      [],
      'add a step to phases.ts, or a reason to commands-not-run.ts',
    );
  });

  test('no listed block is missing in the documentation, or both run and listed', () => {
    const listed = Object.keys(commandsNotRun);
    assert.deepEqual(
      [...run, ...listed].filter((key) => !keys.includes(key)),
      [],
    );
    assert.deepEqual(
      listed.filter((key) => run.has(key)),
      [],
    );
  });

  test('no command is inline in a sentence, where no test would find it', () => {
    const command =
      /`(?:sudo )?(?:kubectl|helm|redis-cli|certfleet|umount|findmnt|openssl|docker) [^` ]+ [^` ]+ [^`]+`/g;
    for (const page of documentedPages().filter((each) => !each.startsWith('docs/reference/'))) {
      assert.deepEqual(readPage(page).prose.match(command) ?? [], [], page);
    }
  });
});
