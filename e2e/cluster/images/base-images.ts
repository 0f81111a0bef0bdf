import { pauseImage } from '../node/containerd.ts';
import type { Sandbox } from '../sandbox.ts';
import { recipeOf, type ImageBuild } from './build-context.ts';
import type { ImageRecipe } from './image-recipe.ts';
import { storedImage, type StoredImage } from './image-store.ts';
import { nodeImage, nodeRecipe } from './node-image.ts';
import { publish } from './publish-image.ts';
import { busyboxRecipe, pauseRecipe, redisRecipe } from './test-images.ts';

type Log = (line: string) => void;

/** Name of the image with a shell, common commands and openssl. */
export const busyboxImage = 'docker.io/library/busybox:latest';

/** Name of the image with redis-server and redis-cli. */
export const redisImage = 'docker.io/library/redis:7-bookworm';

const recipes: Readonly<Record<string, () => Promise<ImageRecipe>>> = {
  [pauseImage]: () => pauseRecipe(pauseImage),
  [busyboxImage]: () => busyboxRecipe(busyboxImage),
  [redisImage]: async () => redisRecipe(redisImage, await busyboxRecipe(busyboxImage)),
  [nodeImage]: nodeRecipe,
};

/** The image with that name, which takes the place of the one in its registry. */
export async function baseImage(name: string, log: Log): Promise<StoredImage> {
  const recipe = await recipes[name]?.();
  if (recipe === undefined) throw new Error(`no recipe for the image ${name}`);
  return storedImage(recipe, log);
}

/** The image of a Dockerfile, which may start from the images above. */
export async function builtImage(order: ImageBuild, log: Log): Promise<StoredImage> {
  const recipeNamed = async (name: string): Promise<ImageRecipe | undefined> =>
    (recipes[name] ?? recipes[`docker.io/library/${name}`])?.();
  return storedImage(await recipeOf(order, recipeNamed), log);
}

const testImages = [pauseImage, busyboxImage];

/** Builds the images that pods of every full cluster need, unless the cache has them. */
export async function ensureTestImages(log: Log): Promise<void> {
  for (const name of testImages) await baseImage(name, log);
}

/** Puts the images of ensureTestImages into a cluster's registry. */
export async function loadTestImages(sandbox: Sandbox, log: Log): Promise<void> {
  for (const name of testImages) await publish(sandbox, await baseImage(name, log), name);
}
