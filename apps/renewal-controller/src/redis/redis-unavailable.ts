import { redisFault } from '@certfleet/shared/redis-errors.ts';
import type { RedisFault } from '@certfleet/shared/redis-errors.ts';

const unavailableFaults: ReadonlySet<RedisFault> = new Set<RedisFault>(['unreachable', 'not-primary', 'busy']);

/** Whether the error means that Redis was unavailable for a command, not that it rejected the command. */
export function isRedisUnavailable(thrown: unknown): boolean {
  return unavailableFaults.has(redisFault(thrown));
}
