import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';

/** What the pruning is done with. */
export interface PruneLanesParts {
  /** Whether it is known now which issuers volumes name. */
  readonly isCurrent: () => boolean;
  readonly prune: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

const pruneMs = 10 * 60_000;

/**
 * Lanes of issuers that no volume names any more cost little; they are looked for now and then.
 * @returns what ends it
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
