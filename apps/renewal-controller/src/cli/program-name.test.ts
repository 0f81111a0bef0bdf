import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';

import { cliHelp, programName } from './cli-options.ts';

const run = promisify(execFile);

describe('the name of the program', () => {
  test('is that of kubectl for its plugin only', () => {
    assert.equal(programName('/usr/local/bin/kubectl-certfleet'), 'kubectl certfleet');
    assert.equal(programName('/usr/local/bin/certfleet'), 'certfleet');
    assert.equal(programName('/src/cli/main.ts'), 'certfleet');
    assert.equal(programName(''), 'certfleet');
  });

  test('is in every line of the usage', () => {
    assert.ok(!/^ *certfleet /m.test(cliHelp('kubectl certfleet')));
    assert.match(cliHelp('kubectl certfleet'), /^ {2}kubectl certfleet status /m);
    assert.match(cliHelp('kubectl certfleet'), /that "kubectl certfleet status" shows/);
    assert.match(cliHelp('certfleet'), /^certfleet: shows .*\n\n {2}certfleet status /);
  });

  test('is that of the link by which a process was started', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'plugin-'));
    t.after(() => rm(directory, { recursive: true }));
    const link = join(directory, 'kubectl-certfleet');
    await symlink(resolve(import.meta.dirname, 'main.ts'), link);
    const { stdout } = await run(process.execPath, [link, 'help']);
    assert.equal(stdout, cliHelp('kubectl certfleet'));
    const wrong = await run(process.execPath, [link, 'frobnicate']).catch((error: unknown) => error);
    assert.match(String(wrong), /kubectl certfleet: there is no command frobnicate; see kubectl certfleet help/);
  });
});
