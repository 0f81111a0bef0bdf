// The suite's runner must not hide a failure. Its own checks and packages are left out here, which need minutes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { after, describe, it } from 'node:test';

const root = resolve(import.meta.dirname, '..');

describe('the runner of the suite', () => {
  const directory = mkdtempSync(join(tmpdir(), 'certfleet-runner-'));
  after(() => rmSync(directory, { recursive: true }));

  /** Runs a test file with this content. @returns the lines about it, and the exit code */
  function outcomeOf(
    name: string,
    text: string,
  ): { readonly lines: readonly string[]; readonly status: number | null } {
    const file = join(directory, `${name}.test.ts`);
    writeFileSync(file, `import { after, describe, test } from 'node:test';\n${text}\n`);
    writeFileSync(join(directory, 'npm'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    const env: NodeJS.ProcessEnv = { ...process.env, PATH: `${directory}:${process.env['PATH'] ?? ''}` };
    // Otherwise the inner runner would assume that it is part of this one.
    delete env['NODE_TEST_CONTEXT'];
    const path = relative(root, file);
    const run = spawnSync(process.execPath, [join(root, 'scripts/test.ts'), path], {
      cwd: root,
      env,
      encoding: 'utf8',
    });
    const lines = run.stdout.split('\n').filter((line) => /^failed: |^\d+ passed, /.test(line));
    return { lines: lines.map((line) => line.replaceAll(path, 'FILE').replaceAll(file, 'FILE')), status: run.status };
  }

  it('counts passed tests', () => {
    assert.deepEqual(outcomeOf('sound', `test('good', () => undefined);`), {
      lines: ['1 passed, 0 failed, 0 skipped'],
      status: 0,
    });
  });

  it('counts a failed hook after the last test', () => {
    const text = `describe('suite', () => { after(() => { throw new Error(); }); test('good', () => undefined); });`;
    assert.deepEqual(outcomeOf('hook', text), {
      lines: ['failed: FILE: suite', '1 passed, 1 failed, 0 skipped'],
      status: 1,
    });
  });

  it('counts a file whose process ends before it has run a test', () => {
    assert.deepEqual(outcomeOf('empty', `test('never run', () => undefined);\nprocess.exit(0);`), {
      lines: ['failed: FILE: the file ran no test', '0 passed, 1 failed, 0 skipped'],
      status: 1,
    });
  });

  it('counts a file whose process is killed', () => {
    const text = `test('good', () => undefined);\ntest('bad', () => void process.kill(process.pid, 'SIGKILL'));`;
    const { lines, status } = outcomeOf('killed', text);
    assert.deepEqual([lines.at(0), status], ['failed: FILE: FILE', 1]);
  });

  it('names the file to run for a test that is defined in another one', () => {
    writeFileSync(
      join(directory, 'suite.ts'),
      `import { test } from 'node:test';\nexport const suite = () => test('bad', () => { throw new Error(); });\n`,
    );
    assert.deepEqual(outcomeOf('entry', `import { suite } from './suite.ts';\nsuite();`), {
      lines: ['failed: FILE: bad', '0 passed, 1 failed, 0 skipped'],
      status: 1,
    });
  });
});
