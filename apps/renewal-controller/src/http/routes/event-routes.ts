import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CallerTraces } from '../../identity/operator-gate.ts';
import { view } from './api-context.ts';
import type { Api } from './api-context.ts';
import type { ChangeFeed, FeedEvent } from '../live/change-feed.ts';
import type { EventStreams } from '../live/event-streams.ts';

/** A stream with more unsent data than this is closed, because its client does not read. */
const maxUnsentBytes = 256 * 1024;
/** Reconnect delay of browsers. */
const retryMs = 2_000;

export interface EventRoutesOptions {
  readonly feed: ChangeFeed;
  readonly streams: EventStreams;
  readonly tracesOf: (request: FastifyRequest) => CallerTraces;
}

/** Server-sent events about changes. */
export function eventRoutes(api: Api, { feed, streams, tracesOf }: EventRoutesOptions): void {
  api.get('/events', view, (request, reply) => {
    const { caller } = request;
    if (caller === undefined) throw new CertfleetError('unauthenticated', 'expected a session, found none');
    // Without authentication all callers share one identity, so no limit per user applies.
    const user = caller.proof === 'none' ? undefined : caller.user.username;
    feed.checkRoom(user);
    const lastId = request.headers['last-event-id'];
    sendHead(reply);
    const end = (): void => void reply.raw.end();
    const close = feed.open(
      {
        ...(user !== undefined && { user }),
        send: (event) => write(reply, textOf(event)),
        beat: () => write(reply, 'event: beat\ndata: {}\n\n'),
        end,
      },
      typeof lastId === 'string' && lastId !== '' ? lastId : undefined,
    );
    const unwatch = streams.watch({ caller, traces: tracesOf(request), end });
    reply.raw.once('close', () => {
      close();
      unwatch();
    });
  });
}

/** From here on the feed writes the response. */
function sendHead(reply: FastifyReply): void {
  reply.hijack();
  const headers = Object.fromEntries(Object.entries(reply.getHeaders()).filter(([, value]) => value !== undefined));
  reply.raw.writeHead(200, {
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // Disables buffering in nginx.
    'x-accel-buffering': 'no',
  });
  reply.raw.write(`retry: ${retryMs}\n\n`);
}

function write({ raw }: FastifyReply, text: string): void {
  if (raw.writableEnded) return;
  raw.write(text);
  if (raw.writableLength > maxUnsentBytes) raw.destroy();
}

function textOf({ type, id, data }: FeedEvent): string {
  return `${id === '' ? '' : `id: ${id}\n`}event: ${type}\ndata: ${JSON.stringify(data ?? {})}\n\n`;
}
