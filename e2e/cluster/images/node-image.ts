import { cp, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { run } from '../command.ts';
import type { ImageRecipe } from './image-recipe.ts';
import { debianBase, debianIngredients, debianSuite } from './debian-base.ts';

// libatomic1: the node binary is linked to it.
const packages = ['mount', 'ca-certificates', 'libatomic1'];

/** The tag of the official image on Docker Hub, which this image replaces. */
export const nodeImage = `docker.io/library/node:26-${debianSuite}-slim`;

/**
 * Node on Debian like Docker Hub's official image, built from locally available parts: Debian packages, the Node binary
 * of the repository's npm package `node`, and npm from its registry.
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
    tag: nodeImage,
    ingredients: [dockerfile, packageManager, ...debianIngredients(packages)],
    prepare: async (context) => {
      await cp(await debianBase(packages), join(context, 'base.tar'));
      await cp(nodeBinary, join(context, 'node'));
      // A build with npm settings mounts them over this file.
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
