import { join } from 'node:path';
import { ensureNodeImage, ensureRedisImage, redisImage } from '../cluster/images/base-images.ts';
import type { DockerEngine } from '../docker/docker-engine.ts';

const repository = join(import.meta.dirname, '../..');
const nodeImage = 'docker.io/library/node:26-bookworm-slim';

/**
 * Hands dockerd the images of docker-compose.test.yml, ours built from the Dockerfile. buildah builds them, as for
 * clusters: the engine's network reaches no registry, which `npm ci` needs.
 */
export async function loadComposeImages(engine: DockerEngine, log: (line: string) => void): Promise<void> {
  await ensureNodeImage(log);
  await ensureRedisImage(log);
  await engine.load(redisImage);
  // Only Debian with openssl is needed of buildpack-deps; on Docker Hub it is also the base of Node's image.
  await engine.load(nodeImage, ['buildpack-deps:bookworm-curl']);
  for (const app of ['node-agent-local-ca', 'renewal-controller']) {
    await engine.build({ tag: `certfleet/${app}:test`, context: repository, target: app });
  }
}
