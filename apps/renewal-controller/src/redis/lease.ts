import type { RedisClient } from './create-redis.ts';
import { defineScript } from './lua-script.ts';

/** Returns 1 if the replica has the lease now, else 0. */
const leaseScript = defineScript({
  keys: ['lease'],
  args: { replica: 'string', leaseMs: 'number' },
  body: `
local holder = redis.call('GET', lease)
if holder and holder ~= replica then return 0 end
redis.call('SET', lease, replica, 'PX', leaseMs)
return 1`,
});

/**
 * Takes or extends a lease, so that one replica does some work. After a loss of Redis two replicas may do it for a while:
 * the work must be safe then.
 */
export async function takeLease(
  redis: RedisClient,
  lease: string,
  args: { readonly replica: string; readonly leaseMs: number },
): Promise<boolean> {
  return (await leaseScript.run(redis, { keys: { lease }, args })) === 1;
}
