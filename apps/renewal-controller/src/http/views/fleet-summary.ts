import { englishPostureLimits, postureText } from '@certfleet/operator-api/english-texts.ts';
import type { PodCertificateSummary } from '@certfleet/operator-api/pod-certificates.ts';
import type { Problem } from '@certfleet/operator-api/problems.ts';
import type { PostureSummary, Summary } from '@certfleet/operator-api/summary.ts';
import type { PostureCounts } from '../../fleet-index/view/posture-limits.ts';
import { countPodCertificates } from '../../pod-certificates/pod-certificate-stats.ts';
import type { ApiContext } from '../routes/api-context.ts';
import { attention } from './attention.ts';
import { fleetVerdict } from './fleet-verdict.ts';
import type { LaneEntry } from './lane-directory.ts';
import type { PodCertificateFacts } from './pod-certificate-attention.ts';
import { atRiskByState, riskSources, sumOf } from './volume-risk.ts';
import { iso } from './volume-row.ts';

/** Summarizes the fleet. While Redis is unavailable it returns the last known counts, without lanes. */
export async function fleetSummary(context: ApiContext): Promise<Summary> {
  const { view, redisHealth, silentAfterMs, cluster, clock } = context;
  const nowMs = clock.now();
  const fleet = view();
  const stats = fleet.stats(nowMs);
  const silent = fleet.silentNodes(nowMs, silentAfterMs).filter(({ lastSeenMs }) => lastSeenMs > 0);
  const redis = redisHealth();
  const lanes = await knownLanes(context);
  const known = lanes ?? [];
  const { volumes, byState, soonestExpiryMs } = stats.all;
  const { latencyMs, maxmemoryPolicy } = redis;
  const risky = atRiskByState(context, await riskSources(context));
  const atRisk = sumOf(risky);
  const renewals = context.renewals.undecided();
  const pods = podCertificateFacts(context, nowMs);
  const problems = attention({
    ...{ stats, lanes: known, silent, renewals, redis, nowMs },
    ...(pods && { podCertificates: pods }),
  });
  // A doubt says it already.
  const others = problems.filter(({ kind }) => kind !== 'redis-unreachable');
  return {
    at: iso(stats.atMs),
    ...(cluster !== undefined && { cluster }),
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
    verdict: fleetVerdict({ doubts: doubtsOf(context, lanes !== undefined), attention: others, atRisk, nowMs }),
    atRisk,
    atRiskByState: risky,
    posture: postureSummary(stats.posture),
    ...(pods && { podCertificates: podCertificateSummary(pods) }),
    attention: problems,
  };
}

/** Undefined if the controller does not follow pod certificates. */
function podCertificateFacts({ podCertificates }: ApiContext, nowMs: number): PodCertificateFacts | undefined {
  const index = podCertificates();
  if (index === undefined) return undefined;
  const { rows, following, problem } = index;
  return { stats: countPodCertificates(rows.values(), nowMs), following, problem };
}

function podCertificateSummary({ stats, following }: PodCertificateFacts): PodCertificateSummary {
  const { total, byState } = stats.all;
  return { total, byState, following, atRisk: stats.risks.reduce((sum, { count }) => sum + count, 0) };
}

function postureSummary({ violations, unknown }: PostureCounts): PostureSummary {
  return {
    unknown,
    violations: violations.map(({ limit: { excluded, filter }, count }) => {
      const query = new URLSearchParams(filter).toString();
      return { ...excluded, text: postureText(excluded, englishPostureLimits), count, link: `/volumes?${query}` };
    }),
  };
}

/** Undefined if the lanes cannot be read. */
async function knownLanes({ lanes, redisHealth }: ApiContext): Promise<readonly LaneEntry[] | undefined> {
  if (!redisHealth().reachable) return undefined;
  return await lanes.all().then(
    (all) => [...all.values()],
    () => undefined,
  );
}

/** Why the counts may be outdated. */
function doubtsOf({ redisHealth, isIndexCurrent, intentProblem }: ApiContext, areLanesKnown: boolean): Problem[] {
  if (!redisHealth().reachable) return [{ kind: 'redis-unreachable', facts: {} }];
  if (!isIndexCurrent()) return [{ kind: 'index-not-loaded', facts: {} }];
  if (!areLanesKnown) return [{ kind: 'lanes-unreadable', facts: {} }];
  const message = intentProblem();
  return message === undefined ? [] : [{ kind: 'intent-outdated', facts: { message } }];
}
