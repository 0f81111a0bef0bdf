import type { Clock } from '@certfleet/shared/clock.ts';

/** Repeats work that never rejects, with a pause between two runs; returns the function that stops it. */
export function repeatedly(clock: Clock, pauseMs: number, work: () => Promise<unknown>): () => void {
  let cancel: () => void = () => undefined;
  let isEnded = false;
  const arm = (): void => {
    if (!isEnded) cancel = clock.schedule(pauseMs, () => void work().finally(arm));
  };
  arm();
  return () => {
    isEnded = true;
    cancel();
  };
}
