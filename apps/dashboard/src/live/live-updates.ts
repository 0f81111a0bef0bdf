import type { ChangeEvent } from '@certfleet/operator-api/change-events.ts';
import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';

/** The part of an EventSource that is used. */
export interface EventStream {
  readonly readyState: number;
  onopen: ((event: Event) => void) | null;
  onerror: ((event: Event) => void) | null;
  addEventListener(type: 'change' | 'reset', listener: (event: MessageEvent<string>) => void): void;
  close(): void;
}

/** How current the page is. */
export type LiveState =
  | { readonly name: 'connecting' | 'live' | 'reconnecting' }
  /** What is shown was true until then. */
  | { readonly name: 'stale'; readonly sinceMs: number };

/** What may have changed: some kinds of things, or anything. */
export type Changed = ReadonlySet<ChangeEvent['kinds'][number]> | 'anything';

/** What live updates stand on. */
export interface LiveUpdatesOptions {
  readonly open: () => EventStream;
  /** The server, or something before it, refused the stream: it may know no session any more. */
  readonly onRefused: () => void;
  readonly clock: Clock;
}

const closed = 2;
const firstRetryMs = 1000;
const maxRetryMs = 15_000;
/** A drop that heals within this is not worth a word that alarms. */
const staleAfterMs = 8000;

/**
 * Follows the server's events. A dropped stream is resumed by the browser itself from where it was; one that the server
 * refused is opened anew with a growing wait, after which anything may have changed.
 */
export class LiveUpdates {
  readonly #options: LiveUpdatesOptions;
  readonly #changeListeners = new Set<(changed: Changed) => void>();
  readonly #stateListeners = new Set<() => void>();
  #stream: EventStream | undefined;
  #state: LiveState = { name: 'connecting' };
  #retryMs = firstRetryMs;
  /** A stream without a position to go on from tells nothing of what changed before it was open. */
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

  /** Ends the stream, as while nobody looks; `start` goes on and tells that anything may have changed. */
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

  /** @returns what ends it */
  onChange(listener: (changed: Changed) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  /** @returns what ends it */
  onState(listener: () => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  #open(): void {
    const stream = this.#options.open();
    this.#stream = stream;
    stream.onopen = () => this.#opened();
    stream.onerror = () => this.#dropped(stream);
    stream.addEventListener('change', ({ data }) => this.#tell(new Set((JSON.parse(data) as ChangeEvent).kinds)));
    stream.addEventListener('reset', () => this.#tell('anything'));
  }

  #opened(): void {
    this.#retryMs = firstRetryMs;
    this.#cancelStale?.();
    this.#cancelStale = undefined;
    this.#become({ name: 'live' });
    if (this.#mayHaveMissed) this.#tell('anything');
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

  #tell(changed: Changed): void {
    for (const listener of this.#changeListeners) listener(changed);
  }
}
