import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';

export interface PruneLanesParts {
  /** Whether the index is complete, so that the issuers in use are known. */
  readonly isCurrent: () => boolean;
  readonly prune: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

const pruneMs = 10 * 60_000;

/**
 * Removes lanes of issuers without volumes periodically; they use little memory.
 * @returns the function that stops it
 */
export function pruneLanes({ isCurrent, prune, clock, log }: PruneLanesParts): () => void {
  let cancel = (): void => undefined;
  const arm = (): void => {
    cancel = clock.schedule(pruneMs, () => {
      const pruned = isCurrent() ? prune() : Promise.resolve();
      pruned.catch((error: unknown) => log.warn({ error: String(error) }, 'lanes not pruned')).finally(arm);
    });
  };
  arm();
  return () => cancel();
}
