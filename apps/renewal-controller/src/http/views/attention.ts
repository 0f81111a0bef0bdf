import type { Attention } from '@certfleet/operator-api/summary.ts';
import type { FleetStats, IssuerTally } from '../../fleet-index/view/fleet-stats.ts';
import type { NodeState } from '../../fleet-index/model/node-session.ts';
import type { RedisHealth } from '../../redis/redis-health.ts';
import type { UndecidedRenewal } from '../../renewals/undecided-renewals.ts';
import { capped, clockTime, urgentMs } from './attention-texts.ts';
import type { LaneEntry } from './lane-directory.ts';
import { podCertificateAttention } from './pod-certificate-attention.ts';
import type { PodCertificateFacts } from './pod-certificate-attention.ts';
import { iso } from './volume-row.ts';

export interface AttentionSources {
  readonly stats: FleetStats;
  readonly lanes: readonly LaneEntry[];
  readonly silent: readonly NodeState[];
  readonly renewals: readonly UndecidedRenewal[];
  readonly redis: RedisHealth;
  /** Undefined if the controller does not follow pod certificates. */
  readonly podCertificates?: PodCertificateFacts;
  readonly nowMs: number;
}

const ranks: Readonly<Record<Attention['severity'], number>> = { critical: 0, warning: 1, info: 2 };

/** Problems that need an operator's attention, the most severe first. */
export function attention(sources: AttentionSources): Attention[] {
  const found = [
    ...redisTrouble(sources),
    ...expiresSoon(sources),
    ...expiredOrOverdue(sources),
    ...capped(failingIssuers(sources), 'more issuers with failing volumes', '/volumes?state=failing'),
    ...notLoaded(sources),
    ...(sources.podCertificates === undefined ? [] : podCertificateAttention(sources.podCertificates, sources)),
    ...silentNodes(sources),
    ...capped(renewalsIn(sources, 'stopped'), 'more renewals have stopped', '/renewals'),
    ...capped(renewalsIn(sources, 'awaiting-approval'), 'more renewals wait for an approval', '/renewals'),
    ...capped(stoppedLanes(sources), 'more lanes paused or backing off', '/lanes?sort=state'),
  ];
  return found.sort(
    (a, b) =>
      ranks[a.severity] - ranks[b.severity] || kindRank(a) - kindRank(b) || leftOf(a) - leftOf(b) || b.count - a.count,
  );
}

const redisProblemText = {
  unreachable: 'Redis does not answer',
  'not-primary': 'Redis is a replica and accepts no writes',
  'refuses-writes': 'Redis refuses writes',
  forbidden: 'Redis denies commands that the controller needs',
} as const;

function redisTrouble({ redis, stats }: AttentionSources): Attention[] {
  const found: Attention[] = [];
  if (!redis.reachable) {
    const text = 'Redis is unreachable: agents renew at their fallback deadlines, and the counts are the last known';
    found.push({ severity: 'critical', kind: 'redis-unreachable', text, count: stats.all.volumes, link: '/' });
  } else if (redis.problem !== undefined) {
    const text = `${redisProblemText[redis.problem.kind]}: agents renew at their fallback deadlines. Redis reports: ${redis.problem.message}`;
    found.push({ severity: 'critical', kind: 'redis-problem', text, count: stats.all.volumes, link: '/' });
  }
  const { maxmemoryPolicy } = redis;
  if (maxmemoryPolicy !== undefined && maxmemoryPolicy !== 'noeviction') {
    const text = `Redis may evict scheduled renewals: its maxmemory-policy is ${maxmemoryPolicy}, expected noeviction`;
    found.push({ severity: 'warning', kind: 'redis-evicts', text, count: 1, link: '/' });
  }
  return found;
}

/** What an operator can still prevent is first, then what concerns the whole fleet or has expired. */
function kindRank({ kind }: Attention): number {
  if (kind === 'expires-soon') return 0;
  return kind === 'failing' ? 2 : 1;
}

/** Problems without an expiry are after those with one. */
const leftOf = ({ expires }: Attention): number => (expires === undefined ? Infinity : Date.parse(expires));

/** The first of all problems: there is still time to prevent these failures. */
function expiresSoon({ stats }: AttentionSources): Attention[] {
  const { urgent } = stats;
  if (urgent === 0) return [];
  const text = `${volumes(urgent)} ${urgent === 1 ? 'expires' : 'expire'} within 1 h, and ${urgent === 1 ? 'is' : 'are'} failing or overdue`;
  const link = '/volumes?expiresBefore=1h&state=failing,overdue&sort=expires';
  return [{ severity: 'critical', kind: 'expires-soon', text, count: urgent, link }];
}

function expiredOrOverdue({ stats }: AttentionSources): Attention[] {
  const { expired, overdue } = stats.all.byState;
  const found: Attention[] = [];
  if (expired > 0) {
    const text = `${volumes(expired)} ${expired === 1 ? 'has' : 'have'} expired`;
    found.push({ severity: 'critical', kind: 'expired', text, count: expired, link: '/volumes?state=expired' });
  }
  if (overdue > 0) {
    const text = `${volumes(overdue)} ${overdue === 1 ? 'is' : 'are'} overdue: neither the controller nor the agent renewed in time`;
    found.push({ severity: 'critical', kind: 'overdue', text, count: overdue, link: '/volumes?state=overdue' });
  }
  return found;
}

function failingIssuers({ stats, lanes, nowMs }: AttentionSources): Attention[] {
  const sinceByKey = new Map(lanes.map(({ shown, failingSinceMs }) => [shown.key, failingSinceMs]));
  return [...stats.issuers.values()]
    .filter(({ byState }) => byState.failing > 0)
    .sort(
      (a, b) =>
        (a.soonestFailingExpiryMs ?? Infinity) - (b.soonestFailingExpiryMs ?? Infinity) ||
        b.byState.failing - a.byState.failing,
    )
    .map((tally) => failingIssuer(tally, sinceByKey.get(tally.key) ?? tally.failingSinceMs ?? nowMs, nowMs));
}

function failingIssuer(tally: IssuerTally, sinceMs: number, nowMs: number): Attention {
  const { key, byState, lastFailure, soonestFailingExpiryMs } = tally;
  const { failing } = byState;
  const why = lastFailure === undefined ? '' : `: ${lastFailure.message}`;
  return {
    severity: byState.expired > 0 || (soonestFailingExpiryMs ?? Infinity) - nowMs <= urgentMs ? 'critical' : 'warning',
    kind: 'failing',
    text: `${volumes(failing)} of issuer ${key} ${failing === 1 ? 'has' : 'have'} been failing since ${clockTime(sinceMs, nowMs)}${why}`,
    count: failing,
    since: iso(sinceMs),
    ...(soonestFailingExpiryMs !== undefined && { expires: iso(soonestFailingExpiryMs) }),
    link: `/volumes?${new URLSearchParams({ state: 'failing', issuer: key }).toString()}`,
  };
}

function notLoaded({ stats, nowMs }: AttentionSources): Attention[] {
  const { count, longest } = stats.notLoaded;
  const listed = longest.map(({ volume, sinceMs }): Attention => {
    const { namespace, pod, node, volumeId } = volume;
    const isKnown = Number.isFinite(sinceMs);
    const since = isKnown ? ` since ${clockTime(sinceMs, nowMs)}` : '';
    return {
      severity: 'warning',
      kind: 'not-loaded',
      text: `pod ${namespace}/${pod} has not loaded its renewed certificate${since}: its server must reload`,
      count: 1,
      ...(isKnown && { since: iso(sinceMs) }),
      link: `/volumes/${encodeURIComponent(node)}/${encodeURIComponent(volumeId)}`,
    };
  });
  const rest = count - listed.length;
  if (rest === 0) return listed;
  const text = `${rest} more ${rest === 1 ? 'pod has' : 'pods have'} not loaded the renewed certificate`;
  const link = '/volumes?served=not-loaded';
  return [...listed, { severity: 'warning', kind: 'not-loaded', text, count: rest, link }];
}

function silentNodes({ silent, nowMs }: AttentionSources): Attention[] {
  const [first, ...more] = silent.toSorted((a, b) => a.lastSeenMs - b.lastSeenMs);
  if (first === undefined) return [];
  const since = clockTime(first.lastSeenMs, nowMs);
  const isOne = more.length === 0;
  return [
    {
      severity: 'warning',
      kind: 'node-silent',
      text: isOne
        ? `node ${first.node} has been silent since ${since}`
        : `${silent.length} nodes are silent, ${first.node} since ${since}`,
      count: silent.length,
      since: iso(first.lastSeenMs),
      link: isOne ? `/nodes/${encodeURIComponent(first.node)}` : '/nodes?state=silent',
    },
  ];
}

/** They continue only after a decision of an operator. */
function renewalsIn({ renewals, nowMs }: AttentionSources, wanted: UndecidedRenewal['state']): Attention[] {
  return renewals
    .filter(({ state }) => state === wanted)
    .map(({ name, reason, pending, failures, sinceMs }): Attention => {
      const left = `${volumes(pending)} ${pending === 1 ? 'is' : 'are'} not renewed`;
      const since = sinceMs === undefined ? '' : ` at ${clockTime(sinceMs, nowMs)}`;
      const what =
        wanted === 'stopped'
          ? `stopped${since} after ${failures} failed ${failures === 1 ? 'attempt' : 'attempts'}`
          : 'waits for an approval after its canary';
      return {
        severity: 'warning',
        kind: `renewal-${wanted}`,
        text: `the renewal “${reason}” ${what}: ${left}`,
        count: pending,
        ...(sinceMs !== undefined && { since: iso(sinceMs) }),
        link: `/renewals/${encodeURIComponent(name)}`,
      };
    });
}

function stoppedLanes({ lanes, nowMs }: AttentionSources): Attention[] {
  return lanes.flatMap(({ shown, failingSinceMs = nowMs }): Attention[] => {
    const { id, key, paused, queued, blocked, state, lastError, byState } = shown;
    const count = queued + blocked;
    const link = `/lanes/${id}`;
    if (paused !== undefined) {
      const text = `the lane of issuer ${key} was paused by ${paused.by} at ${clockTime(Date.parse(paused.at), nowMs)}: ${paused.reason}; ${renewals(count)}`;
      const severity = count > 0 ? 'warning' : 'info';
      return [{ severity, kind: 'lane-paused', text, count, since: paused.at, link }];
    }
    // Failing volumes are already reported.
    if (state !== 'backing-off' || byState.failing > 0) return [];
    const why = lastError === undefined ? '' : `: ${lastError.message}`;
    const text = `the lane of issuer ${key} has been backing off since ${clockTime(failingSinceMs, nowMs)}; ${renewals(count)}${why}`;
    return [{ severity: 'warning', kind: 'lane-backing-off', text, count, since: iso(failingSinceMs), link }];
  });
}

const volumes = (count: number): string => `${count} ${count === 1 ? 'volume' : 'volumes'}`;
const renewals = (count: number): string => `${count} ${count === 1 ? 'renewal waits' : 'renewals wait'}`;
