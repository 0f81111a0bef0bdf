import { join } from 'node:path';
import { baseImage, builtImage, redisImage } from '../cluster/images/base-images.ts';
import { nodeImage } from '../cluster/images/node-image.ts';
import type { NamedImage } from '../cluster/images/publish-image.ts';
import type { DockerEngine } from '../docker/docker-engine.ts';

const repository = join(import.meta.dirname, '../..');

/**
 * Hands dockerd the images of docker-compose.test.yml, ours built from the Dockerfile. buildah builds them, as for
 * clusters: the engine's network reaches no registry, which `npm ci` needs.
 */
export async function loadComposeImages(engine: DockerEngine, log: (line: string) => void): Promise<void> {
  const images: NamedImage[] = [
    { image: await baseImage(redisImage, log), names: ['redis:7-bookworm'] },
    // Only Debian with openssl is needed of buildpack-deps; on Docker Hub it is also the base of Node's image.
    { image: await baseImage(nodeImage, log), names: ['buildpack-deps:bookworm-curl'] },
  ];
  for (const app of ['node-agent-local-ca', 'renewal-controller']) {
    const tag = `certfleet/${app}:test`;
    images.push({ image: await builtImage({ tag, context: repository, target: app }, log), names: [tag] });
  }
  await engine.load(images);
}
