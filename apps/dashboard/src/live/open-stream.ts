import type { EventStream } from './live-updates.ts';
import { SharedStream } from './shared-stream.ts';
import type { SharedEvent } from './shared-stream.ts';

const path = '/api/v1/events';

/** Opens the event stream: one for all tabs, where the browser can share it (locks need a secure context). */
export function openStream(window: Window & typeof globalThis, isReplacement: boolean): EventStream {
  const connect = (): EventStream => new window.EventSource(path);
  const locks = window.navigator.locks as LockManager | undefined;
  if (locks === undefined) return connect();
  const channel = new window.BroadcastChannel('certfleet-events') as BroadcastChannel & {
    onmessage: ((event: MessageEvent<SharedEvent>) => void) | null;
  };
  return new SharedStream({ locks, channel, connect, isReplacement });
}
