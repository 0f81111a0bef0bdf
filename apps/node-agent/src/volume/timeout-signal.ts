import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';

/** A signal that aborts at a timeout or with any of other signals. Dispose it to release the timer. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * Creates a deadline `timeoutMs` from now, or earlier if one of `signals` is aborted. Its reason is always a
 * CertfleetError.
 */
export function timeoutSignal(clock: Clock, timeoutMs: number, signals: readonly AbortSignal[]): Deadline {
  const timer = new AbortController();
  const cancel = clock.schedule(timeoutMs, () =>
    timer.abort(
      new CertfleetError('deadline-exceeded', `timed out after ${Math.round(Math.max(0, timeoutMs) / 1000)} s`),
    ),
  );
  return { signal: AbortSignal.any([timer.signal, ...signals]), [Symbol.dispose]: cancel };
}
