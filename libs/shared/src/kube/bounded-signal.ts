import type { Clock } from '../clock.ts';
import { CertfleetError } from '../errors.ts';

/** A signal that aborts after a time or with another one. */
export interface BoundedSignal {
  readonly signal: AbortSignal;
  /** Lifts the time limit; the other signal still aborts this one. */
  release(): void;
  /** Ends both: the timer, and the listener that a long-lived signal would keep for ever. */
  dispose(): void;
}

/** Bounds a piece of work to `timeoutMs` and to the signal of whoever asked for it. */
export function boundedSignal(clock: Clock, timeoutMs: number, signal?: AbortSignal): BoundedSignal {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal?.reason);
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  const release = clock.schedule(timeoutMs, () =>
    controller.abort(
      new CertfleetError('deadline-exceeded', `expected an answer of the api server within ${timeoutMs} ms`, {
        reason: 'RequestTimeout',
      }),
    ),
  );
  return {
    signal: controller.signal,
    release,
    dispose: () => {
      release();
      signal?.removeEventListener('abort', onAbort);
    },
  };
}
