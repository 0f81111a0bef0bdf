import { cp, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createHash } from 'node:crypto';

import { cacheDirectory } from '../../tools/cache-directory.ts';
import { run } from '../command.ts';
import type { ImageRecipe } from './base-images.ts';

const suite = 'bookworm';
const suites = [suite, `${suite}-updates`, `${suite}-security`];
const packages = 'mount,ca-certificates';

/** The name under which Docker Hub has the official image that this one stands in for. */
const tag = `docker.io/library/node:24-${suite}-slim`;

/**
 * Node on Debian as Docker Hub's official image has it, made of what this machine can get: Debian packages, the Node
 * binary of the npm package `node` that the repository depends on, and npm from its registry.
 */
export async function nodeRecipe(): Promise<ImageRecipe> {
  const repository = join(import.meta.dirname, '../../..');
  const nodeBinary = join(repository, 'node_modules/node/bin/node');
  const { packageManager } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as {
    packageManager: string;
  };
  const nodeVersion = (await run([nodeBinary, '--version'])).stdout.trim();
  const dockerfile = dockerfileOf(nodeVersion);
  return {
    tag,
    ingredients: [dockerfile, packageManager, packages],
    prepare: async (context) => {
      await cp(await debianBase(), join(context, 'base.tar'));
      await cp(nodeBinary, join(context, 'node'));
      // Mounted over by a build that has settings to hand in.
      await writeFile(join(context, 'npmrc'), '');
      await unpackNpm(packageManager, context);
      await writeFile(join(context, 'Dockerfile'), dockerfile);
    },
  };
}

function dockerfileOf(nodeVersion: string): string {
  return `
FROM scratch
ADD base.tar /
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
COPY npmrc /usr/local/etc/npmrc
RUN ln -s node /usr/local/bin/nodejs \\
 && ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \\
 && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \\
 && groupadd --gid 1000 node \\
 && useradd --uid 1000 --gid node --shell /bin/bash --create-home node
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin NODE_VERSION=${nodeVersion.replace('v', '')}
CMD ["node"]
`;
}

async function unpackNpm(packageManager: string, context: string): Promise<void> {
  const { stdout } = await run(['npm', 'pack', '--silent', packageManager], { cwd: context });
  await run(['tar', '--extract', '--file', join(context, basename(stdout.trim())), '--directory', context]);
  await rename(join(context, 'package'), join(context, 'npm'));
}

/** A minimal Debian as a tar file, kept in the cache: it takes longer than all the rest. */
async function debianBase(): Promise<string> {
  const sources = await debianSources();
  const key = createHash('sha256').update(`${packages}\n${sources}`).digest('hex').slice(0, 16);
  const path = cacheDirectory('images', `${suite}-${key}.tar`);
  if (
    await readFile(path).then(
      () => true,
      () => false,
    )
  )
    return path;
  await mkdir(cacheDirectory('images'), { recursive: true });
  const partial = path.replace('.tar', '.partial.tar');
  const aptSettings = await run(['apt-config', 'dump', '--format', '%F "%v";%n', 'Acquire']);
  await writeFile(`${path}.apt.conf`, aptSettings.stdout);
  const flags = ['--variant=minbase', `--include=${packages}`, `--aptopt=${path}.apt.conf`, '--quiet'];
  await run(['mmdebstrap', ...flags, suite, partial, '-'], { input: sources, timeoutMs: 600_000 });
  await rename(partial, path);
  return path;
}

/** Where this machine itself gets that release from; nothing on another release, and mmdebstrap then has its default. */
async function debianSources(): Promise<string> {
  const format = '$(COMPONENT) $(CODENAME) deb $(REPO_URI) $(RELEASE) main';
  const { stdout } = await run(['apt-get', 'indextargets', '--format', format, 'Created-By: Packages']);
  const lines = stdout.split('\n').flatMap((line) => {
    const [component, codename = '', ...source] = line.split(' ');
    return component === 'main' && suites.includes(codename) ? [source.join(' ')] : [];
  });
  return [...new Set(lines)].join('\n');
}
