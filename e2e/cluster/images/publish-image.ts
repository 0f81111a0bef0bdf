import { copyFile, link, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { run } from '../command.ts';
import { registryFiles } from '../node/registry.ts';
import type { Sandbox } from '../sandbox.ts';
import { hexOf } from './file-digest.ts';
import type { Blob, StoredImage } from './image-store.ts';

/**
 * Puts an image into the cluster's registry by the layout of its files: the registry finds it at the next request, and
 * nothing is copied.
 */
export async function publish(sandbox: Sandbox, image: StoredImage, tag: string): Promise<void> {
  const root = join(registryFiles(sandbox), 'docker/registry/v2');
  const { path, version } = placeOf(tag);
  const repository = join(root, 'repositories', path);
  const refer = async (place: string, { digest }: Blob): Promise<void> => {
    await mkdir(place, { recursive: true });
    await writeFile(join(place, 'link'), digest);
  };
  const parts = [image.config, ...image.layers];
  for (const blob of [...parts, image.manifest]) {
    const hex = hexOf(blob.digest);
    await linkOrCopy(blob.path, join(root, 'blobs/sha256', hex.slice(0, 2), hex, 'data'));
  }
  for (const blob of parts) await refer(join(repository, '_layers/sha256', hexOf(blob.digest)), blob);
  const manifests = join(repository, '_manifests');
  await refer(join(manifests, 'revisions/sha256', hexOf(image.manifest.digest)), image.manifest);
  await refer(join(manifests, 'tags', version, 'index/sha256', hexOf(image.manifest.digest)), image.manifest);
  await refer(join(manifests, 'tags', version, 'current'), image.manifest);
}

/** An image and its names in dockerd. */
export interface NamedImage {
  readonly image: StoredImage;
  readonly names: readonly string[];
}

/** Writes an archive for `docker load` and `kind load`; layers that images share are in it once. */
export async function writeArchive(path: string, images: readonly NamedImage[]): Promise<void> {
  const folder = `${path}.content`;
  await mkdir(folder);
  const contents = images.map(({ image, names }) => ({
    Config: `${hexOf(image.config.digest)}.json`,
    RepoTags: names,
    Layers: image.layers.map((layer) => `${hexOf(layer.digest)}.tar`),
  }));
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(contents));
  for (const { config, layers } of images.map(({ image }) => image)) {
    await linkOrCopy(config.path, join(folder, `${hexOf(config.digest)}.json`));
    for (const layer of layers) await linkOrCopy(layer.path, join(folder, `${hexOf(layer.digest)}.tar`));
  }
  await run(['tar', '--create', '--file', path, '--directory', folder, '.']);
  await rm(folder, { recursive: true });
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await link(from, to).catch(async (error: unknown) => {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') return;
    if (code !== 'EXDEV') throw error;
    await copyFile(from, to);
  });
}

/** Where a registry has an image: without the registry's name, with the implied `library/`. */
function placeOf(tag: string): { readonly path: string; readonly version: string } {
  const [, name = '', version = ''] = /^(.+):([^:/]+)$/.exec(tag) ?? [];
  const [first = '', ...rest] = name.split('/');
  const isRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const path = isRegistry ? rest.join('/') : name;
  const ofDockerHub = !isRegistry || first === 'docker.io';
  return { path: ofDockerHub && !path.includes('/') ? `library/${path}` : path, version };
}
