import { createHash } from 'node:crypto';
import { cp, glob, mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { cacheDirectory } from './cache-directory.ts';
import { withFileLock } from './file-lock.ts';
import { go } from './go.ts';
import { moduleOf, toolModules, usedModules } from './modules.ts';

type Log = (line: string) => void;

const toProgress: Log = (line) => process.stderr.write(`${line}\n`);
const resolved = new Map<string, Promise<string>>();

/** Path of the named tool's binary, built first unless the cache has it for the current sources. */
export async function toolPath(name: string): Promise<string> {
  return join(await buildModule(moduleOf(name)), name);
}

/** Why the named tool cannot be built here; false if it can. For tests with a tool of an optional module. */
export async function whyWithout(name: string): Promise<string | false> {
  try {
    await toolPath(name);
    return false;
  } catch (error) {
    return `${name} cannot be built here: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Directory with the CustomResourceDefinitions of a module (cert-manager, approver-policy). */
export async function crdDirectory(module: 'cert-manager' | 'approver-policy'): Promise<string> {
  return join(await buildModule(module), 'crds');
}

/** Builds one module of e2e/tools unless the cache has it, and returns the directory with its binaries and assets. */
export function buildModule(module: string, log: Log = toProgress): Promise<string> {
  const known = resolved.get(module);
  if (known !== undefined) return known;
  const built = ensureBuilt(module, log);
  resolved.set(module, built);
  // A failed build is not cached: the caller may install what was missing.
  built.catch(() => resolved.delete(module));
  return built;
}

/** Directory with the base files of kind's node images. */
export async function kindNodeFiles(): Promise<string> {
  return join(await buildModule('kind'), 'node');
}

async function ensureBuilt(module: string, log: Log): Promise<string> {
  const directory = cacheDirectory('tools', `${module}-${await sourceHash(module)}`);
  if (await exists(directory)) return directory;
  return withFileLock(cacheDirectory('tools', `${module}.lock`), async () => {
    if (!(await exists(directory))) {
      const partial = `${directory}.partial`;
      await rm(partial, { recursive: true, force: true });
      await mkdir(partial, { recursive: true });
      await compile(module, partial, log);
      await rename(partial, directory);
    }
    return directory;
  });
}

async function compile(module: string, output: string, log: Log): Promise<void> {
  const { binaries, linkerVariables = {}, tags = [], assets = [] } = definitionOf(module);
  const source = join(import.meta.dirname, module);
  const variables = Object.entries(linkerVariables).map(([name, value]) => `-X ${name}=${value}`);
  const ldflags = ['-s', '-w', ...variables].join(' ');
  log(`building ${Object.keys(binaries).join(', ')} from Go modules, which takes minutes the first time`);
  const startedAt = performance.now();
  // One command for all binaries compiles packages while it links, which uses one core.
  const flags = ['-trimpath', '-buildvcs=false', '-tags', tags.join(','), '-ldflags', ldflags];
  await go(['build', ...flags, '-o', `${output}/`, ...Object.values(binaries)], source);
  for (const [name, mainPackage] of Object.entries(binaries)) {
    // The name that the go command gives it.
    const built = basename(mainPackage === '.' ? module : mainPackage);
    await rename(join(output, built), join(output, name));
  }
  log(`built ${Object.keys(binaries).join(', ')} in ${Math.round((performance.now() - startedAt) / 1000)} s`);
  for (const { module: path, path: from, name } of assets) {
    const moduleDirectory = await go(['list', '-m', '-f', '{{.Dir}}', path], source);
    await cp(join(moduleDirectory, from), join(output, name), { recursive: true });
  }
}

/** A hash of all inputs, so that no stale binary is used. */
async function sourceHash(module: string): Promise<string> {
  const root = join(import.meta.dirname, module);
  const files = await Array.fromAsync(glob('**/{go.mod,go.sum,*.go}', { cwd: root }));
  const hash = createHash('sha256').update(JSON.stringify([definitionOf(module), process.arch]));
  for (const file of files.sort()) {
    hash.update(`\0${file}\0`).update(await readFile(join(root, file)));
  }
  return hash.digest('hex').slice(0, 16);
}

function definitionOf(module: string): (typeof toolModules)[string] {
  const definition = toolModules[module];
  if (definition === undefined) {
    throw new Error(`unknown tool module "${module}", expected one of ${Object.keys(toolModules).join(', ')}`);
  }
  return definition;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

if (import.meta.main) {
  const named = process.argv.slice(2);
  const modules =
    named.length > 0 ? new Set(named.map((name) => (name in toolModules ? name : moduleOf(name)))) : usedModules;
  for (const module of modules) {
    console.log(await buildModule(module));
  }
}
