import type { EventStream, StreamEvent } from './live-updates.ts';

/** The used parts of the Web Locks API. */
export interface Locks {
  request(
    name: string,
    options: { readonly signal: AbortSignal } | { readonly steal: true },
    hold: () => Promise<void>,
  ): Promise<unknown>;
}

/** The used parts of BroadcastChannel. */
export interface Channel {
  onmessage: ((event: MessageEvent<SharedEvent>) => void) | null;
  postMessage(event: SharedEvent): void;
  close(): void;
}

/** What the tab with the connection tells the others. */
export type SharedEvent =
  | { readonly kind: 'open' | 'hello' }
  | { readonly kind: 'error'; readonly isClosed: boolean }
  | { readonly kind: 'event'; readonly type: StreamEvent; readonly data: string };

export interface SharedStreamOptions {
  readonly locks: Locks;
  readonly channel: Channel;
  /** Opens the connection, in one tab at a time. */
  readonly connect: () => EventStream;
  /** Takes over from a tab that delivers nothing, for example because the browser has frozen it. */
  readonly isReplacement: boolean;
}

const lockName = 'certfleet-events';
const types = ['change', 'reset', 'beat'] as const;
const [connecting, opened, closed] = [0, 1, 2];

/**
 * One event stream for all tabs of a browser, which otherwise use up its six connections to a server without HTTP/2. The
 * tab that holds a lock has the connection and broadcasts what arrives. When it closes, another tab gets the lock and
 * connects.
 */
export class SharedStream implements EventStream {
  onopen: EventStream['onopen'] = null;
  onerror: EventStream['onerror'] = null;
  readyState = connecting;
  readonly #options: SharedStreamOptions;
  readonly #listeners: (readonly [StreamEvent, (event: MessageEvent<string>) => void])[] = [];
  readonly #giveUp = new AbortController();
  #ended: (() => void) | undefined;
  #own: EventStream | undefined;

  constructor(options: SharedStreamOptions) {
    this.#options = options;
    const { channel, isReplacement } = options;
    channel.onmessage = ({ data }) => this.#hear(data);
    channel.postMessage({ kind: 'hello' });
    this.#queue(isReplacement);
  }

  addEventListener(type: StreamEvent, listener: (event: MessageEvent<string>) => void): void {
    this.#listeners.push([type, listener]);
  }

  close(): void {
    this.readyState = closed;
    this.#giveUp.abort();
    this.#options.channel.close();
    this.#own?.close();
    this.#ended?.();
  }

  /** Waits for the connection, or takes it over. */
  #queue(isTakeOver: boolean): void {
    const options = isTakeOver ? ({ steal: true } as const) : { signal: this.#giveUp.signal };
    // Rejected when it is closed before it gets the lock, and when another tab takes over.
    this.#options.locks
      .request(lockName, options, () => this.#lead())
      .catch(() => {
        if (this.readyState === closed) return;
        this.#own?.close();
        this.#own = undefined;
        this.#queue(false);
      });
  }

  /** Has the connection until it is closed. */
  #lead(): Promise<void> {
    if (this.readyState === closed) return Promise.resolve();
    const own = this.#options.connect();
    this.#own = own;
    const tell = (event: SharedEvent): void => {
      if (this.#own !== own) return;
      this.#options.channel.postMessage(event);
      this.#take(event);
    };
    own.onopen = () => tell({ kind: 'open' });
    own.onerror = () => tell({ kind: 'error', isClosed: own.readyState === closed });
    for (const type of types) own.addEventListener(type, ({ data }) => tell({ kind: 'event', type, data }));
    return new Promise((resolve) => (this.#ended = resolve));
  }

  /** A message of another tab. */
  #hear(event: SharedEvent): void {
    if (event.kind === 'hello') {
      // A new tab learns at once that the connection works.
      if (this.#own !== undefined && this.readyState === opened)
        this.#options.channel.postMessage({ kind: 'event', type: 'beat', data: '{}' });
      return;
    }
    this.#take(event);
  }

  #take(event: SharedEvent): void {
    if (this.readyState === closed) return;
    if (event.kind === 'error') {
      this.readyState = event.isClosed ? closed : connecting;
      this.onerror?.(new Event('error'));
      return;
    }
    // A connection that another tab opened anew does not report what changed before it; one that was resumed does.
    const isAnew = event.kind === 'open' && this.readyState === opened;
    this.#become();
    if (isAnew) this.#emit('reset', '{}');
    if (event.kind === 'event') this.#emit(event.type, event.data);
  }

  #become(): void {
    if (this.readyState === opened) return;
    this.readyState = opened;
    this.onopen?.(new Event('open'));
  }

  #emit(type: StreamEvent, data: string): void {
    for (const [wanted, listener] of this.#listeners) if (wanted === type) listener(new MessageEvent(type, { data }));
  }
}
