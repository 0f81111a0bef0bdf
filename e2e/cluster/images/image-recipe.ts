/** How one base image comes about. */
export interface ImageRecipe {
  readonly tag: string;
  /** All that decides what is in the image; the image is made anew when it changes. */
  readonly ingredients: readonly string[];
  /** Fills an empty folder with the Dockerfile and what it copies. */
  readonly prepare: (context: string) => Promise<void>;
}
