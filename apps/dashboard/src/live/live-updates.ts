import type { ChangeEvent } from '@certfleet/operator-api/change-events.ts';
import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';

/** The used part of EventSource. */
export interface EventStream {
  readonly readyState: number;
  onopen: ((event: Event) => void) | null;
  onerror: ((event: Event) => void) | null;
  addEventListener(type: 'change' | 'reset', listener: (event: MessageEvent<string>) => void): void;
  close(): void;
}

export type LiveState =
  | { readonly name: 'connecting' | 'live' | 'reconnecting' }
  /** The shown data is from that time. */
  | { readonly name: 'stale'; readonly sinceMs: number };

/** The kinds of data that may have changed. */
export type Changed = ReadonlySet<ChangeEvent['kinds'][number]> | 'anything';

export interface LiveUpdatesOptions {
  readonly open: () => EventStream;
  /** The server or a proxy refused the stream; the session may have ended. */
  readonly onRefused: () => void;
  readonly clock: Clock;
}

const closed = 2;
const firstRetryMs = 1000;
const maxRetryMs = 15_000;
/** A shorter interruption is not reported as stale. */
const staleAfterMs = 8000;

/**
 * Follows the server's events. The browser resumes a dropped stream from its position; a refused one is reopened with a
 * growing back-off, after which any data may have changed.
 */
export class LiveUpdates {
  readonly #options: LiveUpdatesOptions;
  readonly #changeListeners = new Set<(changed: Changed) => void>();
  readonly #stateListeners = new Set<() => void>();
  #stream: EventStream | undefined;
  #state: LiveState = { name: 'connecting' };
  #retryMs = firstRetryMs;
  /** A stream without a position does not report changes before it was opened. */
  #mayHaveMissed = true;
  #cancelRetry: CancelTimer | undefined;
  #cancelStale: CancelTimer | undefined;

  constructor(options: LiveUpdatesOptions) {
    this.#options = options;
  }

  get state(): LiveState {
    return this.#state;
  }

  start(): void {
    if (this.#stream === undefined && this.#cancelRetry === undefined) this.#open();
  }

  /**
   * Closes the stream, for example while the page is hidden; `start` reopens it and reports that any data may have
   * changed.
   */
  stop(): void {
    if (this.#stream === undefined && this.#cancelRetry === undefined) return;
    this.#stream?.close();
    this.#stream = undefined;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#cancelStale?.();
    this.#cancelStale = undefined;
    this.#mayHaveMissed = true;
    this.#become({ name: 'connecting' });
  }

  /** @returns a function that removes the listener */
  onChange(listener: (changed: Changed) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  /** @returns a function that removes the listener */
  onState(listener: () => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  #open(): void {
    const stream = this.#options.open();
    this.#stream = stream;
    stream.onopen = () => this.#opened();
    stream.onerror = () => this.#dropped(stream);
    stream.addEventListener('change', ({ data }) => this.#notify(new Set((JSON.parse(data) as ChangeEvent).kinds)));
    stream.addEventListener('reset', () => this.#notify('anything'));
  }

  #opened(): void {
    this.#retryMs = firstRetryMs;
    this.#cancelStale?.();
    this.#cancelStale = undefined;
    this.#become({ name: 'live' });
    if (this.#mayHaveMissed) this.#notify('anything');
    this.#mayHaveMissed = false;
  }

  #dropped(stream: EventStream): void {
    const sinceMs = this.#options.clock.now();
    this.#cancelStale ??= this.#options.clock.schedule(staleAfterMs, () => this.#become({ name: 'stale', sinceMs }));
    if (this.#state.name !== 'stale') this.#become({ name: 'reconnecting' });
    if (stream.readyState !== closed) return;
    this.#options.onRefused();
    this.#mayHaveMissed = true;
    stream.close();
    this.#stream = undefined;
    this.#cancelRetry = this.#options.clock.schedule(this.#retryMs, () => {
      this.#cancelRetry = undefined;
      this.#open();
    });
    this.#retryMs = Math.min(maxRetryMs, this.#retryMs * 2);
  }

  #become(state: LiveState): void {
    this.#state = state;
    for (const listener of this.#stateListeners) listener();
  }

  #notify(changed: Changed): void {
    for (const listener of this.#changeListeners) listener(changed);
  }
}
