import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Api } from './api-context.ts';

/** Relative to this file: in the bundle and the image, and after `npm run build` in the source tree. */
const defaultDirectories = ['dashboard', '../../dashboard', '../../../../dashboard/dist'];

/**
 * Returns the directory of the built page.
 * @param given the configured directory; undefined searches the default locations
 */
export function pageDirectory(given: string | undefined): string | undefined {
  const candidates =
    given === undefined
      ? defaultDirectories.map((directory) => join(import.meta.dirname, directory))
      : [resolve(given)];
  return candidates.find((directory) => existsSync(join(directory, 'index.html')));
}

const missing = `The page is not built. Build it with:

  npm run build --workspace @certfleet/dashboard

and start the controller again, or name its folder by --page-directory. The API is under /api/v1/.
`;

/**
 * Serves the page: files with a content hash in their name are cached permanently, others are revalidated, and every
 * view path returns index.html.
 */
export async function pageFiles(api: Api, directory: string | undefined): Promise<void> {
  if (directory !== undefined) {
    await api.register(fastifyStatic, {
      root: directory,
      preCompressed: true,
      wildcard: false,
      cacheControl: false,
      setHeaders: (reply, path) => {
        const isHashed = /[\\/]assets[\\/]/.test(path);
        reply.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
      },
    });
  }
  api.setNotFoundHandler(async (request, reply) => {
    if (!isView(request))
      return await reply.code(404).send({ code: 'not-found', message: 'there is no such resource' });
    return await sendPage(reply, directory);
  });
}

async function sendPage(reply: FastifyReply, directory: string | undefined): Promise<FastifyReply> {
  if (directory === undefined) return await reply.code(404).type('text/plain; charset=utf-8').send(missing);
  return await reply.sendFile('index.html');
}

/** True for navigation requests, false for requests of scripts and missing files. */
function isView({ method, url, headers }: FastifyRequest): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  return !url.startsWith('/api/') && !url.startsWith('/assets/') && (headers.accept ?? '').includes('text/html');
}
