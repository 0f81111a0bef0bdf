import { createHash } from 'node:crypto';
import { cp, lstat, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { dirname, join, matchesGlob } from 'node:path';

import type { ImageRecipe } from './image-recipe.ts';

/** An image to be built from a Dockerfile. */
export interface ImageBuild {
  /** The tag that pods use, such as `certfleet/node-agent:test`. */
  readonly tag: string;
  readonly context: string;
  /** Path of the Dockerfile; by default the one in the context. */
  readonly dockerfile?: string;
  /** Target stage; the last by default. */
  readonly target?: string;
}

const ignoreFile = '.dockerignore';

/**
 * The recipe of an image from any Dockerfile. Its build gets a copy of exactly the files that count as ingredients, so that
 * an image can never be older than a file that its Dockerfile copies.
 *
 * @param recipeNamed the recipe of an image that a Dockerfile may start from
 */
export async function recipeOf(
  { tag, context, dockerfile = join(context, 'Dockerfile'), target }: ImageBuild,
  recipeNamed: (image: string) => Promise<ImageRecipe | undefined>,
): Promise<ImageRecipe> {
  const text = await readFile(dockerfile, 'utf8');
  const files = await contextFiles(context);
  const hash = await hashOf(context, files);
  const bases = await Promise.all([...basesOf(text)].map(recipeNamed));
  return {
    tag,
    ingredients: [text, hash],
    bases: bases.filter((base) => base !== undefined),
    ...(target === undefined ? {} : { target }),
    prepare: async (folder) => {
      for (const file of files) {
        await mkdir(dirname(join(folder, file)), { recursive: true });
        await cp(join(context, file), join(folder, file), { verbatimSymlinks: true });
      }
      if ((await hashOf(folder, files)) !== hash) throw new Error(`${context} changed while ${tag} was built`);
      await writeFile(join(folder, 'Dockerfile'), text);
    },
  };
}

/** The names after FROM; some of them are of stages. */
function basesOf(dockerfile: string): ReadonlySet<string> {
  return new Set([...dockerfile.matchAll(/^FROM +(?:--\S+ +)*(\S+)/gim)].map(([, name = '']) => name));
}

/**
 * The files of a context. Of its .dockerignore only patterns of the forms `!path` and `**` + `/name` count: the builder
 * applies the others to the copy.
 */
async function contextFiles(context: string): Promise<readonly string[]> {
  const lines = (await readFile(join(context, ignoreFile), 'utf8').catch(() => '')).split('\n');
  const ignored = lines.filter((line) => line.startsWith('**/')).map((line) => line.slice(3));
  const named = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  const roots = lines.includes('*') ? [...named, ignoreFile] : await readdir(context);
  const isIgnored = (name: string): boolean => ignored.some((pattern) => matchesGlob(name, pattern));
  const found: string[] = [];
  const walk = async (path: string): Promise<void> => {
    const status = await lstat(join(context, path)).catch(() => undefined);
    if (status === undefined) return;
    if (!status.isDirectory()) return void found.push(path);
    for (const name of await readdir(join(context, path))) if (!isIgnored(name)) await walk(join(path, name));
  };
  for (const root of roots) await walk(root);
  return found.sort();
}

/** Of names, modes and contents. */
async function hashOf(context: string, files: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) {
    const path = join(context, file);
    const status = await lstat(path);
    hash.update(`${file}\0${status.mode}\0${status.size}\0`);
    if (status.isSymbolicLink()) hash.update(await readlink(path));
    else hash.update(await readFile(path));
  }
  return hash.digest('hex');
}
