import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { cacheDirectory } from '../../tools/cache-directory.ts';
import { build, imageLabel, withImageStorage, writeImage } from './builder.ts';
import { digestOf, hexOf } from './file-digest.ts';
import { recipeHash, type ImageRecipe } from './image-recipe.ts';

/** Content by its digest, `sha256:…`. */
export interface Blob {
  readonly digest: string;
  readonly path: string;
}

/** An image whose parts are files in the cache, with plain layers. Others may link to the files, and never write them. */
export interface StoredImage {
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layers: readonly Blob[];
}

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

type Log = (line: string) => void;

const recipeLabel = 'certfleet.test/recipe';
const blobs = cacheDirectory('images', 'blobs');
const partial = cacheDirectory('images', 'partial');
/** One file for each recipe, with the digest of its image's manifest. */
const records = cacheDirectory('images', 'records');
/** The images of the last changes, about a dozen of each. */
const keptRecords = 100;

/**
 * The image of a recipe, whole and unchanged since it was built. A missing or damaged one is built, once even if several
 * processes need it.
 */
export async function storedImage(recipe: ImageRecipe, log: Log): Promise<StoredImage> {
  const key = recipeHash(recipe);
  const found = await readStored(key);
  if (found !== undefined) return found;
  return withImageStorage(async () => {
    const made = (await readStored(key)) ?? (await makeStored(recipe, key, log));
    await prune();
    return made;
  });
}

async function makeStored(recipe: ImageRecipe, key: string, log: Log): Promise<StoredImage> {
  await ensureInStorage(recipe, log);
  for (const folder of [blobs, records]) await mkdir(folder, { recursive: true });
  // May be left by a killed process.
  await rm(partial, { recursive: true, force: true });
  await writeImage(recipe.tag, partial);
  const manifest = join(partial, 'manifest.json');
  const digest = await digestOf(manifest);
  for (const part of new Set(partsIn(await readFile(manifest, 'utf8')))) {
    await rename(join(partial, hexOf(part)), blobOf(part).path);
  }
  await rename(manifest, blobOf(digest).path);
  await writeFile(join(partial, key), digest);
  await rename(join(partial, key), recordPath(key));
  const stored = await readStored(key);
  if (stored === undefined) throw new Error(`the image ${recipe.tag} was damaged while it was stored in ${blobs}`);
  return stored;
}

/** Builds an image in buildah's storage, with its bases, unless it has the same. */
async function ensureInStorage(recipe: ImageRecipe, log: Log): Promise<void> {
  const hash = recipeHash(recipe);
  if ((await imageLabel(recipe.tag, recipeLabel)) === hash) return;
  for (const base of recipe.bases ?? []) await ensureInStorage(base, log);
  log(`building image ${recipe.tag}`);
  const context = await mkdtemp(join(tmpdir(), 'certfleet-image-'));
  try {
    await recipe.prepare(context);
    const { tag, target } = recipe;
    await build({ tag, context, labels: { [recipeLabel]: hash }, ...(target === undefined ? {} : { target }) });
  } finally {
    await rm(context, { recursive: true });
  }
}

const recordPath = (key: string): string => join(records, key);
const blobOf = (digest: string): Blob => ({ digest, path: join(blobs, hexOf(digest)) });

/** The digests of the configuration and of the layers, in their order. */
function partsIn(manifest: string): readonly [config: string, ...layers: string[]] {
  const { config, layers } = JSON.parse(manifest) as Manifest;
  return [config.digest, ...layers.map(({ digest }) => digest)];
}

/** The image if all parts are there and have their digests; otherwise it must be made again. */
async function readStored(key: string): Promise<StoredImage | undefined> {
  const digest = await readFile(recordPath(key), 'utf8').catch(() => '');
  if (!(await isWhole(digest))) return undefined;
  const [config, ...layers] = partsIn(await readFile(blobOf(digest).path, 'utf8'));
  for (const part of [config, ...layers]) if (!(await isWhole(part))) return undefined;
  const now = new Date();
  await utimes(recordPath(key), now, now);
  return { manifest: blobOf(digest), config: blobOf(config), layers: layers.map(blobOf) };
}

const verified = new Map<string, Promise<boolean>>();

/** Images share most of their layers, so each is read once in a process. */
function isWhole(digest: string): Promise<boolean> {
  const known = verified.get(digest);
  if (known !== undefined) return known;
  const verification = verify(blobOf(digest));
  verified.set(digest, verification);
  // Another process may restore it.
  void verification.then((isSo) => isSo || verified.delete(digest));
  return verification;
}

async function verify({ digest, path }: Blob): Promise<boolean> {
  return (await digestOf(path).catch(() => null)) === digest;
}

/** Removes the images that were not used for the longest time, and what no other image needs. */
async function prune(): Promise<void> {
  const keys = await readdir(records);
  const used = await Promise.all(keys.map(async (key) => ({ key, ms: (await stat(recordPath(key))).mtimeMs })));
  const outdated = used.sort((a, b) => b.ms - a.ms).slice(keptRecords);
  if (outdated.length === 0) return;
  for (const { key } of outdated) await rm(recordPath(key));
  const needed = new Set<string>();
  for (const key of await readdir(records)) for (const digest of await digestsOf(key)) needed.add(hexOf(digest));
  for (const name of await readdir(blobs)) if (!needed.has(name)) await rm(join(blobs, name));
}

/** All blobs of an image, or those of which a damaged one still knows. */
async function digestsOf(key: string): Promise<readonly string[]> {
  const digest = await readFile(recordPath(key), 'utf8');
  return readFile(blobOf(digest).path, 'utf8').then(
    (manifest) => [digest, ...partsIn(manifest)],
    () => [digest],
  );
}
