import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { cacheDirectory } from '../../tools/cache-directory.ts';
import { withFileLock } from '../../tools/file-lock.ts';
import { run } from '../command.ts';
import { npmSettings } from './npm-settings.ts';

interface StorageBuild {
  readonly tag: string;
  readonly context: string;
  readonly target?: string;
  readonly labels: Readonly<Record<string, string>>;
}

const storage = cacheDirectory('images', 'storage');
const configuration = cacheDirectory('images', 'configuration');
const policy = join(configuration, 'policy.json');

/** buildah with its own storage in the cache, which keeps layers between builds. */
async function buildah(args: readonly string[], timeoutMs = 900_000): Promise<string> {
  const [command = '', ...rest] = args;
  const flags = ['--root', `${storage}/root`, '--runroot', `${storage}/run`, '--storage-driver', 'overlay'];
  // The mounts of a build are private to it and end with it, even when it is killed.
  const unshare = ['unshare', '--mount', '--propagation', 'private', 'buildah'];
  const env = {
    CONTAINERS_REGISTRIES_CONF: `${configuration}/registries.conf`,
    CONTAINERS_CONF: `${configuration}/containers.conf`,
  };
  const { stdout } = await run([...unshare, ...flags, command, ...rest], { env, timeoutMs });
  return stdout.trim();
}

/** Serialises all writes to the storage, and removes what a killed build or an old one left. */
export function withImageStorage<T>(work: () => Promise<T>): Promise<T> {
  return withFileLock(cacheDirectory('images', 'storage.lock'), async () => {
    await mkdir(configuration, { recursive: true });
    await writeFile(`${configuration}/registries.conf`, 'unqualified-search-registries = ["docker.io"]\n');
    // Builds use the machine's network; by default buildah would create directories in /etc for its own network.
    await writeFile(`${configuration}/containers.conf`, `[network]\nnetwork_config_dir = "${configuration}/cni"\n`);
    await writeFile(policy, '{"default": [{"type": "insecureAcceptAnything"}]}');
    await buildah(['rm', '--all']);
    await pruneLayers();
    return work();
  });
}

/** More than a day of changes makes: each build of all images adds about thirty. */
const keptLayers = 300;

/** Removes the oldest intermediate images, of which every change of the sources adds some. */
async function pruneLayers(): Promise<void> {
  // The newest come first.
  const list = await buildah(['images', '--all', '--filter', 'dangling=true', '--format', '{{.ID}}', '--no-trunc']);
  const outdated = list.split('\n').slice(keptLayers);
  // An image with others on top of it stays until they are gone.
  if (outdated.length > 0) await buildah(['rmi', ...outdated]).catch(() => undefined);
}

/** Builds an image into the storage. Base images must already be there: nothing is pulled. */
export async function build({ tag, context, target, labels }: StorageBuild): Promise<void> {
  const settings = await mkdtemp(join(configuration, 'npm-'));
  try {
    const npm = await npmSettings(settings);
    await buildah([
      ...['bud', '--isolation', 'chroot', '--pull-never', '--layers', '--signature-policy', policy],
      ...Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]),
      ...npm.map(({ source, destination }) => `--volume=${source}:${destination}:ro`),
      ...(target === undefined ? [] : ['--target', target]),
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

/** Writes an image of the storage into a new folder: each part as a file with its digest as name, and manifest.json. */
export async function writeImage(tag: string, folder: string): Promise<void> {
  // Nodes and dockerd unpack plain layers in less time. Other transports compress them in spite of the flag.
  await buildah([
    'push',
    '--format=oci',
    '--disable-compression',
    '--quiet',
    '--signature-policy',
    policy,
    tag,
    `dir:${folder}`,
  ]);
}
