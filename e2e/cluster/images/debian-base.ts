import { createHash } from 'node:crypto';
import { glob, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';

import { cacheDirectory } from '../../tools/cache-directory.ts';
import { run } from '../command.ts';
import { digestOf } from './file-digest.ts';

/** The Debian release of the images. */
export const debianSuite = 'bookworm';
const suites = [debianSuite, `${debianSuite}-updates`, `${debianSuite}-security`];
/** What Debian's own slim images omit too. */
const omitted = ['doc', 'groff', 'info', 'linda', 'lintian', 'locale', 'man'].map((name) => `/usr/share/${name}/*`);
/** Its alternative, usrmerge, needs the whole of Perl. */
const merged = 'usr-is-merged';
const unusedAfterMs = 30 * 86_400_000;

/** All that decides what is in debianBase, except the versions of the packages at the time of its making. */
export function debianIngredients(packages: readonly string[]): readonly string[] {
  return [debianSuite, merged, ...packages, ...omitted];
}

/**
 * A minimal Debian with these packages as a tar file, kept in the cache because it takes longer than the rest of an
 * image. The caller holds the lock of the images.
 */
export async function debianBase(packages: readonly string[]): Promise<string> {
  const sources = await debianSources();
  const everything = JSON.stringify([debianIngredients(packages), sources]);
  const key = createHash('sha256').update(everything).digest('hex').slice(0, 16);
  const path = cacheDirectory('images', `${debianSuite}-${key}.tar`);
  if (!(await isWhole(path))) {
    await make(path, packages, sources);
    await removeUnused();
  }
  const now = new Date();
  await utimes(path, now, now);
  return path;
}

async function isWhole(path: string): Promise<boolean> {
  const expected = await readFile(digestFile(path), 'utf8').catch(() => null);
  return expected !== null && expected === (await digestOf(path).catch(() => undefined));
}

const digestFile = (path: string): string => `${path}.sha256`;

async function make(path: string, packages: readonly string[], sources: string): Promise<void> {
  await mkdir(cacheDirectory('images'), { recursive: true });
  const partial = path.replace('.tar', '.partial.tar');
  const settings = `${partial}.apt.conf`;
  const aptSettings = await run(['apt-config', 'dump', '--format', '%F "%v";%n', 'Acquire']);
  await writeFile(settings, aptSettings.stdout);
  const include = `--include=${[merged, ...packages].join()}`;
  const hooks = '--hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr';
  const flags = ['--variant=minbase', include, hooks, `--aptopt=${settings}`, '--quiet'];
  const exclusions = omitted.map((pattern) => `--dpkgopt=path-exclude=${pattern}`);
  await run(['mmdebstrap', ...flags, ...exclusions, debianSuite, partial, '-'], { input: sources, timeoutMs: 600_000 });
  await rm(settings);
  await writeFile(digestFile(path), await digestOf(partial));
  await rename(partial, path);
}

async function removeUnused(): Promise<void> {
  for await (const path of glob(cacheDirectory('images', '*.tar'))) {
    if ((await stat(path)).mtimeMs > Date.now() - unusedAfterMs) continue;
    for (const file of [path, digestFile(path)]) await rm(file, { force: true });
  }
}

/**
 * This machine's own package sources of that release; empty on another release, so that mmdebstrap uses its default.
 */
async function debianSources(): Promise<string> {
  const format = '$(COMPONENT) $(CODENAME) deb $(REPO_URI) $(RELEASE) main';
  const { stdout } = await run(['apt-get', 'indextargets', '--format', format, 'Created-By: Packages']);
  const lines = stdout.split('\n').flatMap((line) => {
    const [component, codename = '', ...source] = line.split(' ');
    return component === 'main' && suites.includes(codename) ? [source.join(' ')] : [];
  });
  return [...new Set(lines)].join('\n');
}
