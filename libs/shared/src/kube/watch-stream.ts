import type { Clock } from '../clock.ts';
import { CertfleetError } from '../errors.ts';

import type { KubeClient } from './api-client.ts';
import type { ApiStatus } from './api-error.ts';
import type { ApiTarget, ObjectMeta } from './api-resource.ts';
import { decodeLines } from './line-decoder.ts';

/** A raw event of the API server (metav1.WatchEvent). */
export type RawWatchEvent =
  | {
      readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
      readonly object: { readonly metadata?: ObjectMeta };
    }
  | { readonly type: 'ERROR'; readonly object: ApiStatus };

export interface WatchStreamOptions {
  readonly client: Pick<KubeClient, 'watch'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly random: () => number;
  readonly target: ApiTarget;
  readonly onOpen: () => void;
  readonly onEvent: (event: RawWatchEvent) => void;
}

/** etcd rejects objects above 1.5 MiB; their JSON may be somewhat larger. */
const maxLine = 8 * 1024 * 1024;
/** The server ends a watch after 5 to 10 minutes, at a random time per client. */
const minWatchSeconds = 300;
/** Bookmarks arrive about once a minute, so three minutes of silence mean a dead connection. */
const maxSilenceMs = 180_000;

/**
 * Opens one watch and reads it; resolves when the server ends it.
 * @throws CertfleetError, or the error of `onEvent`; the connection is then closed
 */
export async function readWatch(options: WatchStreamOptions): Promise<void> {
  const { client, clock, target, random } = options;
  const seconds = Math.round(minWatchSeconds * (1 + random()));
  const query = { ...target.query, allowWatchBookmarks: 'true', timeoutSeconds: String(seconds) };
  // Closes the connection on every exit of this function.
  const connection = new AbortController();
  const end = (): void => connection.abort(options.signal.reason);
  options.signal.addEventListener('abort', end, { once: true });
  let cancelSilence = (): void => undefined;
  const hear = (): void => {
    cancelSilence();
    cancelSilence = clock.schedule(maxSilenceMs, () => connection.abort(silence()));
  };
  try {
    options.signal.throwIfAborted();
    const body = await client.watch({ ...target, query }, connection.signal);
    options.onOpen();
    hear();
    for await (const line of decodeLines(body, maxLine)) {
      hear();
      options.onEvent(parseEvent(line));
    }
  } catch (thrown) {
    throw connection.signal.aborted ? connection.signal.reason : thrown;
  } finally {
    cancelSilence();
    options.signal.removeEventListener('abort', end);
    connection.abort();
  }
}

function silence(): CertfleetError {
  return new CertfleetError('unavailable', `no watch event or bookmark within ${maxSilenceMs} ms`);
}

const types: ReadonlySet<unknown> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']);

function parseEvent(line: string): RawWatchEvent {
  let event: Partial<RawWatchEvent> | null;
  try {
    event = JSON.parse(line) as Partial<RawWatchEvent> | null;
  } catch {
    event = null;
  }
  if (!types.has(event?.type) || typeof event?.object !== 'object') {
    throw new CertfleetError('unavailable', 'the API server sent something other than a watch event');
  }
  return event as RawWatchEvent;
}
