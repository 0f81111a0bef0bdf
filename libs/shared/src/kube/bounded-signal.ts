import type { Clock } from '../clock.ts';
import { CertfleetError } from '../errors.ts';

/** A signal that aborts after a timeout or with another signal. */
export interface BoundedSignal {
  readonly signal: AbortSignal;
  /** Cancels the timeout; the other signal still applies. */
  release(): void;
  /** Releases the timer and the listener on the other signal, which may be long-lived. */
  dispose(): void;
}

/** A signal that aborts after `timeoutMs` or with the caller's signal. */
export function boundedSignal(clock: Clock, timeoutMs: number, signal?: AbortSignal): BoundedSignal {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal?.reason);
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  const release = clock.schedule(timeoutMs, () =>
    controller.abort(
      new CertfleetError('deadline-exceeded', `no response from the API server within ${timeoutMs} ms`, {
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
