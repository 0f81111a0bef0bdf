import type { RedisFault } from '@certfleet/shared/redis-errors.ts';

/** What keeps Redis from serving the controller, worst first; undefined when nothing does. */
export type RedisProblemKind = 'unreachable' | 'not-primary' | 'refuses-writes' | 'forbidden';

/** A problem in the server's own words, which hold no secret. */
export interface RedisProblem {
  readonly kind: RedisProblemKind;
  readonly message: string;
}

/** How Redis stands. */
export interface RedisHealth {
  readonly reachable: boolean;
  readonly problem: RedisProblem | undefined;
  /** Round trip of a PING in milliseconds; of the slowest master on a Cluster. */
  readonly latencyMs: number | undefined;
  /** Anything but `noeviction` may throw scheduled renewals away when memory is short. */
  readonly maxmemoryPolicy: string | undefined;
  readonly usedMemoryBytes: number | undefined;
  /** Redis' maxmemory, of all masters together; undefined without one. */
  readonly maxMemoryBytes: number | undefined;
  /** Connections that the fullest master has, and may have. */
  readonly clients: { readonly connected: number; readonly limit: number } | undefined;
}

/** A Redis that was not looked at yet, or does not answer. */
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

/** The problem that an error tells of; undefined when it is one of a command alone. */
export function redisProblem(fault: RedisFault, error: unknown): RedisProblem | undefined {
  const kind = kinds[fault];
  const message = error instanceof Error ? error.message.slice(0, 300) : '';
  return kind && { kind, message };
}
