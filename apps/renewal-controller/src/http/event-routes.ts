import type { FastifyReply } from 'fastify';
import { view } from './api-context.ts';
import type { Api } from './api-context.ts';
import type { ChangeFeed, FeedEvent } from './change-feed.ts';

/** A stream that its reader does not read is closed before it takes this much of memory. */
const mostUnsentBytes = 256 * 1024;
/** How long a browser waits before it connects again. */
const retryMs = 2_000;

/** Server-sent events: what changed, as it changes. */
export function eventRoutes(api: Api, feed: ChangeFeed): void {
  api.get('/events', view, (request, reply) => {
    feed.checkRoom();
    const lastId = request.headers['last-event-id'];
    sendHead(reply);
    const close = feed.open(
      {
        send: (event) => write(reply, textOf(event)),
        beat: () => write(reply, ': still here\n\n'),
        end: () => reply.raw.end(),
      },
      typeof lastId === 'string' && lastId !== '' ? lastId : undefined,
    );
    reply.raw.once('close', close);
  });
}

/** From here on the answer is the feed's. */
function sendHead(reply: FastifyReply): void {
  reply.hijack();
  const headers = Object.fromEntries(Object.entries(reply.getHeaders()).filter(([, value]) => value !== undefined));
  reply.raw.writeHead(200, {
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // nginx would gather events otherwise.
    'x-accel-buffering': 'no',
  });
  reply.raw.write(`retry: ${retryMs}\n\n`);
}

function write({ raw }: FastifyReply, text: string): void {
  if (raw.writableEnded) return;
  raw.write(text);
  if (raw.writableLength > mostUnsentBytes) raw.destroy();
}

function textOf({ type, id, data }: FeedEvent): string {
  return `${id === '' ? '' : `id: ${id}\n`}event: ${type}\ndata: ${JSON.stringify(data ?? {})}\n\n`;
}
