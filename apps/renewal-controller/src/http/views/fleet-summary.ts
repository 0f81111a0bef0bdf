import type { Summary } from '@certfleet/operator-api/summary.ts';
import type { ApiContext } from '../routes/api-context.ts';
import { attention } from './attention.ts';
import type { LaneEntry } from './lane-directory.ts';
import { countAtRisk, riskSources } from './volume-risk.ts';
import { iso } from './volume-row.ts';

/** Summarizes the fleet. While Redis is unavailable it returns the last known counts, without lanes. */
export async function fleetSummary(context: ApiContext): Promise<Summary> {
  const { view, lanes, redisHealth, silentAfterMs, clock } = context;
  const nowMs = clock.now();
  const fleet = view();
  const stats = fleet.stats(nowMs);
  const silent = fleet.silentNodes(nowMs, silentAfterMs).filter(({ lastSeenMs }) => lastSeenMs > 0);
  const redis = redisHealth();
  const none = new Map<string, LaneEntry>();
  const known = redis.reachable ? [...(await lanes.all().catch(() => none)).values()] : [];
  const { volumes, byState, soonestExpiryMs } = stats.all;
  const { latencyMs, maxmemoryPolicy } = redis;
  return {
    at: iso(stats.atMs),
    volumes,
    byState,
    ...(soonestExpiryMs !== undefined && { soonestExpiry: iso(soonestExpiryMs) }),
    agents: { online: fleet.nodes().length - silent.length, silent: silent.length },
    lanes: {
      known: known.length,
      paused: known.filter(({ shown }) => shown.state === 'paused').length,
      backingOff: known.filter(({ shown }) => shown.state === 'backing-off').length,
    },
    redis: {
      reachable: redis.reachable,
      ...(latencyMs !== undefined && { latencyMs }),
      ...(maxmemoryPolicy !== undefined && { evicts: maxmemoryPolicy !== 'noeviction' }),
    },
    atRisk: countAtRisk(context, await riskSources(context)),
    attention: attention({ stats, lanes: known, silent, redis, nowMs }),
  };
}
