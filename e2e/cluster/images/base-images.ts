import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { pauseImage } from '../node/containerd.ts';
import type { Sandbox } from '../sandbox.ts';
import { build, imageLabel, push, withImageStorage } from './builder.ts';
import type { ImageRecipe } from './image-recipe.ts';
import { nodeRecipe } from './node-image.ts';
import { busyboxRecipe, pauseRecipe, redisRecipe } from './test-images.ts';

/** Name of the image with a shell, common commands and openssl. */
export const busyboxImage = 'docker.io/library/busybox:latest';

const recipeLabel = 'certfleet.test/recipe';

/** Builds the images that pods of every full cluster need, unless the storage has them. */
export async function ensureTestImages(log: (line: string) => void): Promise<void> {
  await ensureImage(await pauseRecipe(pauseImage), log);
  await ensureImage(await busyboxRecipe(busyboxImage), log);
}

/** Builds the base image of Dockerfiles for Node programs. */
export async function ensureNodeImage(log: (line: string) => void): Promise<void> {
  await ensureImage(await nodeRecipe(), log);
}

/** Name of the image with redis-server and redis-cli. */
export const redisImage = 'docker.io/library/redis:7-bookworm';

/** Builds the image of Redis. */
export async function ensureRedisImage(log: (line: string) => void): Promise<void> {
  await ensureImage(await busyboxRecipe(busyboxImage), log);
  await ensureImage(await redisRecipe(redisImage, busyboxImage), log);
}

/** Builds an image unless the storage has one with the same ingredients. */
export async function ensureImage(recipe: ImageRecipe, log: (line: string) => void): Promise<void> {
  const hash = createHash('sha256').update(JSON.stringify(recipe.ingredients)).digest('hex').slice(0, 16);
  const isMade = async (): Promise<boolean> => (await imageLabel(recipe.tag, recipeLabel)) === hash;
  if (await isMade()) return;
  await withImageStorage(async () => {
    if (await isMade()) return;
    log(`building image ${recipe.tag}`);
    const context = await mkdtemp(join(tmpdir(), 'certfleet-image-'));
    try {
      await recipe.prepare(context);
      await build({ tag: recipe.tag, context, labels: { [recipeLabel]: hash } });
    } finally {
      await rm(context, { recursive: true });
    }
  });
}

/** Pushes the images of ensureTestImages into a cluster's registry. */
export async function loadTestImages(sandbox: Sandbox): Promise<void> {
  await Promise.all([push(sandbox, pauseImage), push(sandbox, busyboxImage)]);
}
