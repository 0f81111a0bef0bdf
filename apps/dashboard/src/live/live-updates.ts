import type { ChangeEvent } from '@certfleet/operator-api/change-events.ts';
import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';

export type StreamEvent = 'change' | 'reset' | 'beat';

/** The used part of EventSource. */
export interface EventStream {
  readonly readyState: number;
  onopen: ((event: Event) => void) | null;
  onerror: ((event: Event) => void) | null;
  addEventListener(type: StreamEvent, listener: (event: MessageEvent<string>) => void): void;
  close(): void;
}

/** `live` only while the server's heartbeats arrive. */
export type LiveState = 'connecting' | 'live' | 'reconnecting';

/** The kinds of data that may have changed. */
export type Changed = ReadonlySet<ChangeEvent['kinds'][number]> | 'anything';

export interface LiveUpdatesOptions {
  /** @param isReplacement whether the stream before this one no longer delivered */
  readonly open: (isReplacement: boolean) => EventStream;
  /** The server or a proxy refused the stream; the session may have ended. */
  readonly onRefused: () => void;
  readonly clock: Clock;
}

const closed = 2;
const firstRetryMs = 1000;
const maxRetryMs = 15_000;
/** The server sends a heartbeat every five seconds. A connection can stay open although nothing arrives any more. */
const silenceLimitMs = 12_000;

/**
 * Follows the server's events. The browser resumes a dropped stream from its position; a refused or silent one is
 * reopened with a growing back-off, after which any data may have changed.
 */
export class LiveUpdates {
  readonly #options: LiveUpdatesOptions;
  readonly #changeListeners = new Set<(changed: Changed) => void>();
  readonly #stateListeners = new Set<() => void>();
  #stream: EventStream | undefined;
  #state: LiveState = 'connecting';
  #retryMs = firstRetryMs;
  /** A stream without a position does not report changes before it was opened. */
  #mayHaveMissed = true;
  #cancelRetry: CancelTimer | undefined;
  #cancelWatch: CancelTimer | undefined;

  constructor(options: LiveUpdatesOptions) {
    this.#options = options;
  }

  get state(): LiveState {
    return this.#state;
  }

  start(): void {
    if (this.#stream === undefined && this.#cancelRetry === undefined) this.#open(false);
  }

  /** Closes the stream; `start` reopens it and reports that any data may have changed. */
  stop(): void {
    this.#close();
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#become('connecting');
  }

  /** Replaces the stream now, for example when the browser is online again; does nothing while stopped. */
  restart(): void {
    if (this.#stream === undefined && this.#cancelRetry === undefined) return;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#retryMs = firstRetryMs;
    this.#close();
    this.#become('reconnecting');
    this.#open(true);
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

  #open(isReplacement: boolean): void {
    const stream = this.#options.open(isReplacement);
    this.#stream = stream;
    const whileOpen = (act: () => void) => (): void => (this.#stream === stream ? act() : undefined);
    stream.onopen = whileOpen(() => this.#opened());
    stream.onerror = whileOpen(() => this.#dropped(stream));
    for (const type of ['change', 'reset', 'beat'] as const) {
      stream.addEventListener(type, ({ data }) => whileOpen(() => this.#heard(type, data))());
    }
    this.#watch();
  }

  #opened(): void {
    this.#watch();
    this.#retryMs = firstRetryMs;
    this.#become('live');
    if (this.#mayHaveMissed) this.#notify('anything');
    this.#mayHaveMissed = false;
  }

  #heard(type: StreamEvent, data: string): void {
    this.#watch();
    this.#become('live');
    if (type !== 'beat') this.#notify(type === 'reset' ? 'anything' : changedIn(data));
  }

  #dropped(stream: EventStream): void {
    this.#become('reconnecting');
    if (stream.readyState !== closed) return;
    this.#options.onRefused();
    this.#reopenLater();
  }

  #watch(): void {
    this.#cancelWatch?.();
    this.#cancelWatch = this.#options.clock.schedule(silenceLimitMs, () => {
      this.#become('reconnecting');
      this.#reopenLater();
    });
  }

  #reopenLater(): void {
    this.#close();
    this.#cancelRetry = this.#options.clock.schedule(this.#retryMs, () => {
      this.#cancelRetry = undefined;
      this.#open(true);
    });
    this.#retryMs = Math.min(maxRetryMs, this.#retryMs * 2);
  }

  #close(): void {
    this.#stream?.close();
    this.#stream = undefined;
    this.#mayHaveMissed = true;
    this.#cancelWatch?.();
    this.#cancelWatch = undefined;
  }

  #become(state: LiveState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#stateListeners) listener();
  }

  #notify(changed: Changed): void {
    for (const listener of this.#changeListeners) listener(changed);
  }
}

/** A damaged event means that something changed. */
function changedIn(data: string): Changed {
  try {
    const { kinds } = JSON.parse(data) as Partial<ChangeEvent>;
    return kinds === undefined ? 'anything' : new Set(kinds);
  } catch {
    return 'anything';
  }
}
