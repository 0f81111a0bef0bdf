import { redisFault } from '@certfleet/shared/redis-errors.ts';
import type { RedisFault } from '@certfleet/shared/redis-errors.ts';

const awayFaults: ReadonlySet<RedisFault> = new Set<RedisFault>(['unreachable', 'not-primary', 'busy']);

/** Whether an error says that Redis was not there for a command, and not that it refused what it was asked. */
export function isRedisUnavailable(thrown: unknown): boolean {
  return awayFaults.has(redisFault(thrown));
}
