/** Cancels a timer that has not fired; further calls do nothing. */
export type CancelTimer = () => void;

/** Time as a dependency: the system's in production, a manual clock in tests. */
export interface Clock {
  /** Wall time: milliseconds since the Unix epoch. It may jump in either direction. */
  now(): number;
  /** Monotonic time in milliseconds from an arbitrary start, for intervals and timeouts. */
  monotonic(): number;
  /** Calls back once, at least `delayMs` from now. The timer does not keep the process alive. */
  schedule(delayMs: number, callback: () => void): CancelTimer;
}

/** Node's timers accept at most 2^31 − 1 ms; a longer delay fires at once, so longer waits are split. */
const maxTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMs, callback) {
    let timer: NodeJS.Timeout;
    const arm = (remainingMs: number): void => {
      const stepMs = Math.min(remainingMs, maxTimerMs);
      timer = setTimeout(() => (remainingMs > stepMs ? arm(remainingMs - stepMs) : callback()), Math.max(0, stepMs));
      timer.unref();
    };
    arm(delayMs);
    return () => clearTimeout(timer);
  },
};

/** The system's clock for programs that end by themselves: a pending timer keeps the process alive. */
export const foregroundClock: Clock = {
  ...systemClock,
  schedule(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `delayMs`, or rejects with the signal's reason as soon as it is aborted. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.schedule(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
