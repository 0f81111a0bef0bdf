import type { Clock } from '@certfleet/shared/clock.ts';
import type { Redis } from 'ioredis';

/** Properties that one server reports. */
export interface ServerLook {
  readonly latencyMs: number;
  readonly runId: string;
  readonly policy: string | undefined;
  readonly usedBytes: number;
  readonly maxBytes: number;
  readonly clients: number;
  /** `maxclients`; Infinity if the server does not report it. */
  readonly clientLimit: number;
  readonly isAppendOnly: boolean;
  /** Undefined if not checked. */
  readonly isDefaultUserOff: boolean | undefined;
}

/** A warning about a setting. */
export interface SettingWarning {
  readonly fields: object;
  readonly message: string;
}

/** An agent keeps two connections: one for commands and a blocking one. */
const connectionsPerNode = 2;
/** For replicas, operators, and agents that reconnect before the server closes their old connection. */
const spareConnections = 100;

/**
 * Reads the properties of one server. Rejects if it does not answer. @param asksUsers whether the right to read users
 * exists
 */
export async function lookAtServer(redis: Redis, clock: Clock, asksUsers: boolean): Promise<ServerLook> {
  const startedMs = clock.monotonic();
  await redis.ping();
  const latencyMs = clock.monotonic() - startedMs;
  // One section per call: several in one call require Redis 7.
  const sections = await Promise.all(['server', 'memory', 'clients', 'persistence'].map((name) => redis.info(name)));
  const text = sections.join('\n');
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(text)?.[1];
  return {
    latencyMs,
    runId: field('run_id') ?? '',
    policy: field('maxmemory_policy'),
    usedBytes: Number(field('used_memory') ?? 0),
    maxBytes: Number(field('maxmemory') ?? 0),
    clients: Number(field('connected_clients') ?? 0),
    clientLimit: Number(field('maxclients') ?? Infinity),
    isAppendOnly: field('aof_enabled') === '1',
    isDefaultUserOff: asksUsers ? await isDefaultUserOff(redis) : undefined,
  };
}

async function isDefaultUserOff(redis: Redis): Promise<boolean | undefined> {
  try {
    const user: unknown = await redis.call('ACL', 'GETUSER', 'default');
    return Array.isArray(user) && Array.isArray(user[1]) && (user[1] as unknown[]).includes('off');
  } catch {
    // The service that grants access to nodes reports missing rights.
    return undefined;
  }
}

/** Problems of the servers' settings, by a name for each. */
export function redisWarnings(seen: readonly ServerLook[], nodes: number): ReadonlyMap<string, SettingWarning> {
  const warnings = new Map<string, SettingWarning>();
  const policy = seen.find((look) => look.policy !== undefined && look.policy !== 'noeviction')?.policy;
  if (policy !== undefined)
    warnings.set(`policy ${policy}`, {
      fields: { maxmemoryPolicy: policy },
      message: 'Redis may evict scheduled renewals: set maxmemory-policy to noeviction',
    });
  if (seen.some(({ isAppendOnly, isDefaultUserOff: isOff }) => isAppendOnly && isOff === true))
    warnings.set('append-only without default user', {
      fields: {},
      message:
        "Redis has an append-only file and its default user is off: some versions drop scripts' writes when they load " +
        'that file; keep the default user on with a password, or leave it without rights (see docs/redis.md)',
    });
  const limit = Math.min(...seen.map(({ clientLimit }) => clientLimit));
  // On a Cluster an agent connects to every master.
  const needed = nodes * connectionsPerNode + spareConnections;
  if (nodes > 0 && needed > limit)
    warnings.set('maxclients', {
      fields: { maxclients: limit, nodes, needed },
      message: 'Redis accepts too few connections for the known nodes: raise maxclients to two connections per node',
    });
  return warnings;
}
