// Runs the whole suite: tests on real parts and unit tests, with types, lint and format beside them. The last line counts the
// tests. Arguments are globs of test files; only those then run. With `--slow`, only the tests run that wait for many minutes
// of real time.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { buildModule } from '../e2e/tools/build.ts';
import { ensureHostPackages } from '../e2e/tools/host-packages.ts';
import { toolModules, usedModules } from '../e2e/tools/modules.ts';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface Failure {
  /** The file that was run, relative to the root; the test may be defined in one that it imports. */
  readonly file: string;
  readonly title: string;
  readonly isHook: boolean;
}

/** Failed tests and hooks, without the suites that contain failed tests. */
const failures: Failure[] = [];
/** Those whose files passed in a second run. */
const unsteady: Failure[] = [];

const root = resolve(import.meta.dirname, '..');
const isSlow = process.argv[2] === '--slow';
/** Longer than any test takes; a hanging test must not block the results of the others. */
const testLimitMs = (isSlow ? 45 : 20) * 60_000;
/** A hanging hook has no timeout. CI ends the suite after 90 minutes without its results. */
const suiteLimit = AbortSignal.timeout(80 * 60_000);

const filesOf = (globs: readonly string[]): readonly string[] =>
  globs.flatMap((glob) => globSync(glob, { cwd: root })).sort();

const longestFirst = (files: readonly string[]): readonly string[] => [
  ...longest.filter((file) => files.includes(file)),
  ...files.filter((file) => !longest.includes(file)),
];

/** Runs each test file in its own process and prints results as they arrive. */
async function runTests(files: readonly string[], concurrency: number): Promise<Counts> {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  let failedHooks = 0;
  let emptyFiles = 0;
  const stream = run({
    files: files.map((file) => join(root, file)),
    concurrency,
    cwd: root,
    timeout: testLimitMs,
    signal: suiteLimit,
    // Open handles of a test would otherwise keep the file's process running.
    execArgv: ['--test-force-exit'],
  });
  stream.on('test:fail', ({ name, details, entryFile, file = '' }) => {
    const isSuite = details.type === 'suite';
    if (isSuite && failureTypeOf(details.error) === 'subtestsFailed') return;
    failures.push({ file: relative(root, entryFile ?? file), title: name, isHook: isSuite });
    // The summary counts tests only: a suite whose last hook failed would pass.
    if (isSuite) failedHooks += 1;
  });
  stream.on('test:pass', ({ name, file = '' }) => {
    // Node counts a file without any test as one that passed.
    if (name !== file) return;
    failures.push({ file: relative(root, file), title: 'the file ran no test', isHook: false });
    emptyFiles += 1;
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
  counts.failed += failedHooks + emptyFiles;
  counts.passed -= emptyFiles;
  return counts;
}

const failureTypeOf = (error: Error): unknown => (error as { failureType?: unknown }).failureType;

/** Tests with an optional tool that cannot be built are skipped. */
async function buildTool(module: string): Promise<void> {
  try {
    await buildModule(module);
  } catch (error) {
    if (toolModules[module]?.isOptional !== true) throw error;
    console.log(`skipping tests with ${module}, which cannot be built: ${String(error)}`);
  }
}

/** More failed files have a common cause. */
const maxFilesAgain = 2;

/**
 * Runs failed files a second time, with the machine to themselves: on a shared machine one late process should not hide
 * the results of two thousand tests. Tests that pass then are listed, because each of them is a fault of the test or of
 * the product.
 */
async function runAgain(totals: Counts): Promise<void> {
  const files = [...new Set(failures.map(({ file }) => file))];
  if (files.length === 0 || files.length > maxFilesAgain || !files.every(isOnRealParts)) return;
  console.log(`\n── second run of ${files.join(', ')}`);
  for (const file of files) {
    const before = failures.length;
    const { passed, failed } = await runTests([file], 1);
    if (failed > 0 || passed === 0) {
      failures.length = before;
      continue;
    }
    const passing = failures.filter((failure) => failure.file === file);
    unsteady.push(...passing);
    failures.splice(0, failures.length, ...failures.filter((failure) => failure.file !== file));
    totals.failed -= passing.length;
    totals.passed += passing.filter(({ isHook }) => !isHook).length;
  }
}

function runNow(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status === 0;
}

/** Runs beside the tests at a low priority, so that it delays none that has a time limit. Prints its output when it ends. */
async function checkStatically(): Promise<boolean> {
  const title = 'check (types, lint, format)';
  const startedMs = Date.now();
  const niced = ['-n', '10', 'npm', 'run', '--silent', 'check:static'];
  const child = spawn('nice', niced, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
  const [status] = (await once(child, 'close')) as [number | null];
  console.log(`\n── ${title}\n${Buffer.concat(output).toString()}`);
  console.log(`── ${title}: ${status === 0 ? 'ok' : 'failed'} in ${Math.round((Date.now() - startedMs) / 1000)} s`);
  return status === 0;
}

const unitTests = ['apps/*/src/**/*.test.ts', 'libs/*/src/**/*.test.ts', 'scripts/**/*.test.ts'];
const endToEndTests = ['e2e/!(slow)/**/*.test.ts'];
const slowTests = ['e2e/slow/**/*.test.ts'];
/** Files that take minutes, the longest first: they start first, so that none of them runs alone at the end. */
const longest = [
  'e2e/node/fleet.test.ts',
  'e2e/node/node.test.ts',
  'e2e/fleet/rotations.test.ts',
  'e2e/observability/fleet-monitoring.test.ts',
  'e2e/kind/kind.test.ts',
  'e2e/api/api.test.ts',
  'e2e/compose/compose.test.ts',
  'e2e/page/page.test.ts',
];
/** Tests on real parts wait for a part of their time. With more at once, time limits are reached on a slow machine. */
const filesAtOnce = Math.min(8, availableParallelism() + 1);
const chosen = process.argv.slice(2);
const isRoot = process.getuid?.() === 0;
/** They need root, Debian packages and the tools built from Go modules. */
const isOnRealParts = (file: string): boolean => file.startsWith('e2e/');

/** In the order of their start: unit tests need only CPU, so they use it up when the last tests on real parts wait. */
function chosenFiles(): readonly string[] {
  if (isSlow) return filesOf(slowTests);
  if (chosen.length > 0) return filesOf(chosen);
  return [...longestFirst(filesOf(endToEndTests)), ...filesOf(unitTests)];
}

/** Kept beside the packages, so that every process of the next run starts without compiling its modules. */
process.env['NODE_COMPILE_CACHE'] ??= join(root, 'node_modules/.cache/compiled');

let sound = isSlow || runNow('npm', ['run', '--silent', 'generate']);
const checked = isSlow ? undefined : checkStatically();
const files = chosenFiles();
const runnable = isRoot ? files : files.filter((file) => !isOnRealParts(file));
const left = files.length - runnable.length;
if (left > 0) console.log(`skipping ${left} files: they mount and create network namespaces, which requires root`);
// Some unit tests also use them: a real redis-server, and openssl to verify results.
if (isRoot) await ensureHostPackages(console.log);
// One after another: each build uses all cores.
if (runnable.some(isOnRealParts)) for (const module of usedModules) await buildTool(module);
const totals = await runTests(runnable, chosen.length === 0 ? filesAtOnce : 1);
totals.skipped += left;
if (chosen.length === 0) await runAgain(totals);
const isChecked = (await checked) ?? true;
sound &&= isChecked && totals.failed === 0 && totals.passed > 0;
for (const { file, title } of failures) console.log(`failed: ${file}: ${title}`);
for (const { file, title } of unsteady) console.log(`passed only in a second run, to be mended: ${file}: ${title}`);
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = sound ? 0 : 1;
