import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';

import { cacheDirectory } from '../../tools/cache-directory.ts';
import { run } from '../command.ts';

/** The Debian release of the images. */
export const debianSuite = 'bookworm';
const suites = [debianSuite, `${debianSuite}-updates`, `${debianSuite}-security`];

/**
 * A minimal Debian with these packages as a tar file, kept in the cache because it takes longer than the rest of an
 * image.
 */
export async function debianBase(packages: readonly string[]): Promise<string> {
  const sources = await debianSources();
  const key = createHash('sha256').update(`${packages.join()}\n${sources}`).digest('hex').slice(0, 16);
  const path = cacheDirectory('images', `${debianSuite}-${key}.tar`);
  if (existsSync(path)) return path;
  await mkdir(cacheDirectory('images'), { recursive: true });
  const partial = path.replace('.tar', '.partial.tar');
  const aptSettings = await run(['apt-config', 'dump', '--format', '%F "%v";%n', 'Acquire']);
  await writeFile(`${path}.apt.conf`, aptSettings.stdout);
  const flags = ['--variant=minbase', `--include=${packages.join()}`, `--aptopt=${path}.apt.conf`, '--quiet'];
  await run(['mmdebstrap', ...flags, debianSuite, partial, '-'], { input: sources, timeoutMs: 600_000 });
  await rename(partial, path);
  return path;
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
