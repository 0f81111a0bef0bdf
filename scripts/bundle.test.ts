// Images contain an app's bundle without npm packages, so the bundle must not load source files at run time.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const repository = resolve(import.meta.dirname, '..');

const bundles = [
  { app: 'node-agent', entry: 'src/main.ts' },
  { app: 'node-agent', entry: 'src/local-ca/main.ts' },
  { app: 'pod-certificate-signer', entry: 'src/main.ts' },
  { app: 'renewal-controller', entry: 'src/main.ts' },
  { app: 'renewal-controller', entry: 'src/cli/main.ts' },
];
describe('a bundle', () => {
  for (const { app, entry } of bundles) {
    test(`of ${app}/${entry} starts without npm packages`, async (t) => {
      const directory = await mkdtemp(join(tmpdir(), 'certfleet-bundle-'));
      t.after(() => rm(directory, { recursive: true }));
      const output = join(directory, 'bundle', 'app.js');
      const cwd = join(repository, 'apps', app);
      await run(process.execPath, [join(repository, 'scripts/bundle.ts'), entry, output], { cwd });
      const { stdout } = await run(process.execPath, [output, '--help'], { cwd: directory });
      assert.match(stdout, /certfleet/);
    });
  }
});
