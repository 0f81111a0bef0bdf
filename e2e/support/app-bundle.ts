import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { statSync, utimesSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { cacheDirectory } from '../tools/cache-directory.ts';

const root = resolve(import.meta.dirname, '../..');
const unusedAfterMs = 7 * 86_400_000;
const known = new Map<string, string>();

/**
 * The program of an app as its image contains it, built from the current sources unless the cache has it. It starts in a
 * third of the CPU time that the sources need, which counts in tests that start it many times.
 * @param entry path of its main file in the app's folder src
 */
export function appBundle(app: 'node-agent' | 'renewal-controller', entry: string): string {
  const name = `${app}-${entry.replaceAll(/\W+/g, '-')}`;
  let program = known.get(name);
  if (program === undefined) known.set(name, (program = ensureBuilt(app, entry, name)));
  return program;
}

function ensureBuilt(app: string, entry: string, name: string): string {
  const directory = cacheDirectory('bundles', `${name}-${sourceHash(app)}`);
  if (!existsSync(directory)) build(app, entry, directory);
  const now = new Date();
  utimesSync(directory, now, now);
  return join(directory, 'app.js');
}

function build(app: string, entry: string, directory: string): void {
  const cache = cacheDirectory('bundles');
  mkdirSync(cache, { recursive: true });
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    const usedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
    if (usedMs < Date.now() - unusedAfterMs) rmSync(path, { recursive: true, force: true });
  }
  const partial = mkdtempSync(join(cache, 'partial-'));
  const script = join(root, 'scripts/bundle.ts');
  execFileSync(process.execPath, [script, join('src', entry), join(partial, 'bundle/app.js')], {
    cwd: join(root, 'apps', app),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  for (const map of globSync(join(partial, 'bundle/*.map'))) rmSync(map);
  try {
    renameSync(join(partial, 'bundle'), directory);
  } catch (error) {
    // Another process has built the same meanwhile.
    if (!existsSync(directory)) throw error;
  }
  rmSync(partial, { recursive: true });
}

/** A hash of all inputs, so that no stale bundle is used. */
function sourceHash(app: string): string {
  const inputs = [`apps/${app}/{src,gen}`, 'libs/*/{src,gen}'].map((folder) => `${folder}/**/*.ts`);
  const files = globSync([...inputs, 'scripts/bundle.ts', 'package-lock.json'], { cwd: root });
  const hash = createHash('sha256').update(process.arch);
  for (const file of files.sort()) hash.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  return hash.digest('hex').slice(0, 16);
}
