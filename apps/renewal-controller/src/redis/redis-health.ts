import type { RedisFault } from '@certfleet/shared/redis-errors.ts';

/** What prevents Redis from serving the controller, in order of severity. */
export type RedisProblemKind = 'unreachable' | 'not-primary' | 'refuses-writes' | 'forbidden';

/** A problem with the server's message, which contains no secret. */
export interface RedisProblem {
  readonly kind: RedisProblemKind;
  readonly message: string;
}

export interface RedisHealth {
  readonly reachable: boolean;
  readonly problem: RedisProblem | undefined;
  /** Round-trip time of a PING in milliseconds; of the slowest master on a Cluster. */
  readonly latencyMs: number | undefined;
  /** Any policy except `noeviction` may evict scheduled renewals when memory is short. */
  readonly maxmemoryPolicy: string | undefined;
  readonly usedMemoryBytes: number | undefined;
  /** Redis' maxmemory, the sum of all masters; undefined if unlimited. */
  readonly maxMemoryBytes: number | undefined;
  /** Connections of the master closest to its limit, and that limit. */
  readonly clients: { readonly connected: number; readonly limit: number } | undefined;
}

/** The health before the first probe, or if Redis does not answer. */
export const unreachableRedis: RedisHealth = {
  reachable: false,
  problem: undefined,
  latencyMs: undefined,
  maxmemoryPolicy: undefined,
  usedMemoryBytes: undefined,
  maxMemoryBytes: undefined,
  clients: undefined,
};

const kinds: Readonly<Partial<Record<RedisFault, RedisProblemKind>>> = {
  unreachable: 'unreachable',
  busy: 'unreachable',
  'not-primary': 'not-primary',
  'refuses-writes': 'refuses-writes',
  forbidden: 'forbidden',
};

/** The problem that an error indicates; undefined if it concerns only the command. */
export function redisProblem(fault: RedisFault, error: unknown): RedisProblem | undefined {
  const kind = kinds[fault];
  const message = error instanceof Error ? error.message.slice(0, 300) : '';
  return kind && { kind, message };
}
