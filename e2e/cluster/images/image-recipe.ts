import { createHash } from 'node:crypto';

/** How one image comes about. */
export interface ImageRecipe {
  readonly tag: string;
  /** All that decides what is in the image, besides its bases; the image is made anew when it changes. */
  readonly ingredients: readonly string[];
  /** The images that its Dockerfile starts from. */
  readonly bases?: readonly ImageRecipe[];
  /** Target stage of its Dockerfile; the last by default. */
  readonly target?: string;
  /** Fills an empty folder with the Dockerfile and what it copies. */
  readonly prepare: (context: string) => Promise<void>;
}

/** The same for two recipes only if they make the same image. */
export function recipeHash({ ingredients, bases = [], target = '' }: ImageRecipe): string {
  const everything = JSON.stringify([ingredients, bases.map(recipeHash), target, process.arch]);
  return createHash('sha256').update(everything).digest('hex').slice(0, 32);
}
