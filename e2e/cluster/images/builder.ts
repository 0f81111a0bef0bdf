import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { cacheDirectory } from '../../tools/cache-directory.ts';
import { withFileLock } from '../../tools/file-lock.ts';
import { run } from '../command.ts';
import { registryAddress } from '../node/registry.ts';
import type { Sandbox } from '../sandbox.ts';
import { npmSettings } from './npm-settings.ts';

/** An image to be built from a Dockerfile. */
export interface ImageBuild {
  /** The tag that pods use, such as `certfleet/node-agent:test`. */
  readonly tag: string;
  readonly context: string;
  /** Path of the Dockerfile; by default the one in the context. */
  readonly dockerfile?: string;
  /** Target stage; the last by default. */
  readonly target?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

const storage = cacheDirectory('images', 'storage');
const configuration = cacheDirectory('images', 'configuration');
const policy = join(configuration, 'policy.json');

/** buildah with its own storage in the cache, which keeps base images and layers between runs. */
async function buildah(args: readonly string[], prefix: readonly string[] = [], timeoutMs = 900_000): Promise<string> {
  const [command = '', ...rest] = args;
  const flags = ['--root', `${storage}/root`, '--runroot', `${storage}/run`, '--storage-driver', 'overlay'];
  // The mounts of a build are private to it and end with it, even when it is killed.
  const unshare = ['unshare', '--mount', '--propagation', 'private', 'buildah'];
  const env = {
    CONTAINERS_REGISTRIES_CONF: `${configuration}/registries.conf`,
    CONTAINERS_CONF: `${configuration}/containers.conf`,
  };
  const { stdout } = await run([...unshare, ...flags, command, ...rest], { prefix, env, timeoutMs });
  return stdout.trim();
}

/** Serialises all writes to the storage, and removes leftovers of a killed build. */
export function withImageStorage<T>(work: () => Promise<T>): Promise<T> {
  return withFileLock(cacheDirectory('images', 'storage.lock'), async () => {
    await mkdir(configuration, { recursive: true });
    await writeFile(`${configuration}/registries.conf`, 'unqualified-search-registries = ["docker.io"]\n');
    // Builds use the machine's network; by default buildah would create directories in /etc for its own network.
    await writeFile(`${configuration}/containers.conf`, `[network]\nnetwork_config_dir = "${configuration}/cni"\n`);
    await writeFile(policy, '{"default": [{"type": "insecureAcceptAnything"}]}');
    await buildah(['rm', '--all']);
    return work();
  });
}

/** Builds an image into the storage. Base images must already be there: nothing is pulled. */
export async function build({ tag, context, dockerfile, target, labels = {} }: ImageBuild): Promise<void> {
  const settings = await mkdtemp(join(configuration, 'npm-'));
  try {
    const npm = await npmSettings(settings);
    await buildah([
      ...['bud', '--isolation', 'chroot', '--pull-never', '--layers', '--signature-policy', policy],
      ...Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]),
      ...npm.map(({ source, destination }) => `--volume=${source}:${destination}:ro`),
      ...(target === undefined ? [] : ['--target', target]),
      ...(dockerfile === undefined ? [] : ['--file', dockerfile]),
      ...['--tag', tag, context],
    ]);
  } finally {
    // It may contain credentials.
    await rm(settings, { recursive: true });
  }
}

/** Value of an image's label; null without such an image or label. */
export async function imageLabel(tag: string, label: string): Promise<string | null> {
  const format = `{{index .OCIv1.Config.Labels "${label}"}}`;
  return buildah(['inspect', '--type', 'image', '--format', format, tag]).catch(() => null);
}

/** Copies an image from the storage into the cluster's registry. */
export async function push(sandbox: Sandbox, tag: string): Promise<void> {
  // The node's containerd uses the cluster's registry for every registry name.
  const path = repositoryPath(tag);
  // Unpacking gzip would take most of the time that a pod needs to start from a new image.
  const compression = ['--format=oci', '--compression-format=zstd', '--compression-level=1'];
  const flags = ['--tls-verify=false', '--quiet', '--signature-policy', policy, ...compression];
  await buildah(['push', ...flags, tag, `docker://${registryAddress}/${path}`], sandbox.enterNetwork);
}

/** Writes an image of the storage to a file for `docker load`. Docker uses its tag, without the storage's prefix. */
export async function archive(tag: string, path: string): Promise<void> {
  await buildah(['push', '--quiet', '--signature-policy', policy, tag, `docker-archive:${path}:${tag}`]);
}

/** The path of an image within its registry: without the registry's name, with the implied `library/`. */
function repositoryPath(tag: string): string {
  const [first = '', ...rest] = tag.split('/');
  const isRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const path = isRegistry ? rest.join('/') : tag;
  const ofDockerHub = !isRegistry || first === 'docker.io';
  return ofDockerHub && !path.includes('/') ? `library/${path}` : path;
}
