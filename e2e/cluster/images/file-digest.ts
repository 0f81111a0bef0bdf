import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** The digest of a file in the notation of images, `sha256:…`. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}

/** A digest without the name of its algorithm, as in names of files. */
export const hexOf = (digest: string): string => digest.replace('sha256:', '');
