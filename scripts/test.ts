// The whole suite: types, lint and format first, then unit tests, then everything on real parts. Ends with a line that
// counts the tests. Arguments are globs of test files, to run those alone without the rest.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { buildModule } from '../e2e/tools/build.ts';
import { ensureHostPackages } from '../e2e/tools/host-packages.ts';
import { toolModules } from '../e2e/tools/modules.ts';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const root = resolve(import.meta.dirname, '..');
/** No test takes nearly so long; one that hangs must not hold up the rest, or nobody learns of them. */
const testLimitMs = 15 * 60_000;
/** A hook that hangs has no limit of its own. Machines that run the suite end it after 90 minutes, without its results. */
const suiteLimit = AbortSignal.timeout(80 * 60_000);

/** Runs test files, each in a process of its own, and prints every result as it comes. */
async function runTests(globs: readonly string[], concurrency: number): Promise<Counts> {
  const files = globs.flatMap((glob) => globSync(glob, { cwd: root })).sort();
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  const stream = run({
    files: files.map((file) => join(root, file)),
    concurrency,
    cwd: root,
    timeout: testLimitMs,
    signal: suiteLimit,
    // What a test left open, or one that timed out, would keep its file's process for ever.
    execArgv: ['--test-force-exit'],
  });
  stream.on('test:summary', ({ file, counts: of }) => {
    // The summary without a file is the one of the whole run.
    if (file === undefined)
      Object.assign(counts, {
        passed: of.passed,
        failed: of.tests - of.passed - of.skipped - of.todo,
        skipped: of.skipped,
      });
  });
  stream.compose(spec).pipe(process.stdout, { end: false });
  await new Promise((ended) => stream.once('close', ended).once('end', ended));
  return counts;
}

function step(title: string, command: string, args: readonly string[]): boolean {
  console.log(`\n── ${title}`);
  const startedMs = Date.now();
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  console.log(`── ${title}: ${status === 0 ? 'ok' : 'failed'} in ${Math.round((Date.now() - startedMs) / 1000)} s`);
  return status === 0;
}

const unitTests = ['apps/*/src/**/*.test.ts', 'libs/*/src/**/*.test.ts', 'scripts/**/*.test.ts'];
const endToEndTests = ['e2e/**/*.test.ts'];
const chosen = process.argv.slice(2);
const isRoot = process.getuid?.() === 0;

interface Stage {
  readonly title: string;
  readonly globs: readonly string[];
  readonly concurrency: number;
  /** Whether it needs root, Debian packages and the tools that are built from Go modules. */
  readonly onRealParts: boolean;
}

const suite: readonly Stage[] = [
  { title: 'unit tests', globs: unitTests, concurrency: 2, onRealParts: false },
  // One at a time: each brings up a cluster of its own, which takes both cores of a small machine.
  { title: 'tests on real parts', globs: endToEndTests, concurrency: 1, onRealParts: true },
];
const stages =
  chosen.length === 0 ? suite : [{ title: 'chosen tests', globs: chosen, concurrency: 1, onRealParts: isRoot }];

let sound = step('check (types, lint, format)', 'npm', ['run', '--silent', 'check']);
const totals: Counts = { passed: 0, failed: 0, skipped: 0 };
// Unit tests use some of them too: a real redis-server, openssl as a judge.
if (isRoot) await ensureHostPackages(console.log);
for (const { title, globs, concurrency, onRealParts } of stages) {
  console.log(`\n── ${title}`);
  if (onRealParts && !isRoot) {
    const count = globs.flatMap((glob) => globSync(glob, { cwd: root })).length;
    console.log(`skipped, all ${count} files: they mount and make network namespaces, which only root may`);
    totals.skipped += count;
    continue;
  }
  // One after another: each build takes all cores for itself.
  if (onRealParts) for (const module of Object.keys(toolModules)) await buildModule(module);
  const { passed, failed, skipped } = await runTests(globs, concurrency);
  totals.passed += passed;
  totals.failed += failed;
  totals.skipped += skipped;
}
sound &&= totals.failed === 0 && totals.passed > 0;
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = sound ? 0 : 1;
