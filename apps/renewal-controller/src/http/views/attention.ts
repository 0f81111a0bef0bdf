import type { Attention } from '@certfleet/operator-api/summary.ts';
import type { FleetStats, IssuerTally } from '../../fleet-index/view/fleet-stats.ts';
import type { NodeState } from '../../fleet-index/model/node-session.ts';
import type { RedisHealth } from '../../redis/redis-health.ts';
import type { UndecidedRenewal } from '../../renewals/undecided-renewals.ts';
import { capped, englishText, urgentHours, urgentMs } from './attention-texts.ts';
import type { AttentionItem } from './attention-texts.ts';
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
    ...capped(
      failingIssuers(sources),
      (issuers) => ({ kind: 'more-failing', facts: { issuers } }),
      '/volumes?state=failing',
    ),
    ...notLoaded(sources),
    ...(sources.podCertificates === undefined ? [] : podCertificateAttention(sources.podCertificates, sources)),
    ...silentNodes(sources),
    ...undecidedRenewals(sources),
    ...capped(
      stoppedLanes(sources),
      (lanes) => ({ kind: 'more-lanes-stopped', facts: { lanes } }),
      '/lanes?sort=state',
    ),
  ];
  return found
    .sort(
      (a, b) =>
        ranks[a.severity] - ranks[b.severity] ||
        kindRank(a) - kindRank(b) ||
        leftOf(a) - leftOf(b) ||
        b.count - a.count,
    )
    .map((item) => ({ ...item, text: englishText(item, sources.nowMs) }));
}

function redisTrouble({ redis, stats }: AttentionSources): AttentionItem[] {
  const found: AttentionItem[] = [];
  const ofFleet = { severity: 'critical', count: stats.all.volumes, link: '/' } as const;
  if (!redis.reachable) {
    found.push({ ...ofFleet, kind: 'redis-unreachable', facts: {} });
  } else if (redis.problem !== undefined) {
    const { kind: problem, message } = redis.problem;
    found.push({ ...ofFleet, kind: 'redis-problem', facts: { problem, message } });
  }
  const { maxmemoryPolicy: policy } = redis;
  if (policy !== undefined && policy !== 'noeviction')
    found.push({ severity: 'warning', kind: 'redis-evicts', facts: { policy }, count: 1, link: '/' });
  return found;
}

/** What an operator can still prevent is first, then what concerns the whole fleet or has expired. */
function kindRank({ kind }: AttentionItem): number {
  if (kind === 'expires-soon') return 0;
  return kind === 'failing' || kind === 'more-failing' ? 2 : 1;
}

/** Problems without an expiry are after those with one. */
const leftOf = ({ expires }: AttentionItem): number => (expires === undefined ? Infinity : Date.parse(expires));

/** The first of all problems: there is still time to prevent these failures. */
function expiresSoon({ stats }: AttentionSources): AttentionItem[] {
  const { urgent: volumes } = stats;
  if (volumes === 0) return [];
  const link = `/volumes?expiresBefore=${urgentHours}h&state=failing,overdue&sort=expires`;
  const facts = { volumes, hours: urgentHours };
  return [{ severity: 'critical', kind: 'expires-soon', facts, count: volumes, link }];
}

function expiredOrOverdue({ stats }: AttentionSources): AttentionItem[] {
  return (['expired', 'overdue'] as const).flatMap((kind): AttentionItem[] => {
    const volumes = stats.all.byState[kind];
    if (volumes === 0) return [];
    return [{ severity: 'critical', kind, facts: { volumes }, count: volumes, link: `/volumes?state=${kind}` }];
  });
}

function failingIssuers({ stats, lanes, nowMs }: AttentionSources): AttentionItem[] {
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

function failingIssuer(tally: IssuerTally, sinceMs: number, nowMs: number): AttentionItem {
  const { key: issuer, byState, lastFailure, soonestFailingExpiryMs } = tally;
  const { failing: volumes } = byState;
  const since = iso(sinceMs);
  return {
    severity: byState.expired > 0 || (soonestFailingExpiryMs ?? Infinity) - nowMs <= urgentMs ? 'critical' : 'warning',
    kind: 'failing',
    facts: { volumes, issuer, since, ...(lastFailure && { message: lastFailure.message }) },
    count: volumes,
    since,
    ...(soonestFailingExpiryMs !== undefined && { expires: iso(soonestFailingExpiryMs) }),
    link: `/volumes?${new URLSearchParams({ state: 'failing', issuer }).toString()}`,
  };
}

function notLoaded({ stats }: AttentionSources): AttentionItem[] {
  const { count, longest } = stats.notLoaded;
  const listed = longest.map(({ volume, sinceMs }): AttentionItem => {
    const { namespace, pod, node, volumeId } = volume;
    const since = Number.isFinite(sinceMs) && { since: iso(sinceMs) };
    return {
      severity: 'warning',
      kind: 'not-loaded',
      facts: { namespace, pod, ...since },
      count: 1,
      ...since,
      link: `/volumes/${encodeURIComponent(node)}/${encodeURIComponent(volumeId)}`,
    };
  });
  const pods = count - listed.length;
  if (pods === 0) return listed;
  const link = '/volumes?served=not-loaded';
  return [...listed, { severity: 'warning', kind: 'more-not-loaded', facts: { pods }, count: pods, link }];
}

function silentNodes({ silent }: AttentionSources): AttentionItem[] {
  const [first, ...more] = silent.toSorted((a, b) => a.lastSeenMs - b.lastSeenMs);
  if (first === undefined) return [];
  const { node } = first;
  const since = iso(first.lastSeenMs);
  if (more.length === 0) {
    const link = `/nodes/${encodeURIComponent(node)}`;
    return [{ severity: 'warning', kind: 'node-silent', facts: { node, since }, count: 1, since, link }];
  }
  const { length: nodes } = silent;
  const facts = { nodes, node, since };
  return [{ severity: 'warning', kind: 'nodes-silent', facts, count: nodes, since, link: '/nodes?state=silent' }];
}

/** They continue only after a decision of an operator. */
function undecidedRenewals({ renewals }: AttentionSources): AttentionItem[] {
  const stopped = renewals.filter(({ state }) => state === 'stopped').map(stoppedRenewal);
  const waiting = renewals.filter(({ state }) => state === 'awaiting-approval').map(awaitingRenewal);
  const link = '/renewals';
  return [
    ...capped(stopped, (rest) => ({ kind: 'more-renewals-stopped', facts: { renewals: rest } }), link),
    ...capped(waiting, (rest) => ({ kind: 'more-renewals-awaiting-approval', facts: { renewals: rest } }), link),
  ];
}

function stoppedRenewal(renewal: UndecidedRenewal): AttentionItem {
  const { reason, pending, failures, sinceMs } = renewal;
  const at = sinceMs === undefined ? undefined : iso(sinceMs);
  return {
    ...ofRenewal(renewal),
    kind: 'renewal-stopped',
    facts: { reason, pending, failures, ...(at !== undefined && { at }) },
    ...(at !== undefined && { since: at }),
  };
}

function awaitingRenewal(renewal: UndecidedRenewal): AttentionItem {
  const { reason, pending } = renewal;
  return { ...ofRenewal(renewal), kind: 'renewal-awaiting-approval', facts: { reason, pending } };
}

const ofRenewal = ({ name, pending }: UndecidedRenewal) =>
  ({ severity: 'warning', count: pending, link: `/renewals/${encodeURIComponent(name)}` }) as const;

function stoppedLanes({ lanes, nowMs }: AttentionSources): AttentionItem[] {
  return lanes.flatMap(({ shown, failingSinceMs = nowMs }): AttentionItem[] => {
    const { id, key: issuer, paused, queued, blocked, state, lastError, byState } = shown;
    const waiting = queued + blocked;
    const common = { count: waiting, link: `/lanes/${id}` };
    if (paused !== undefined) {
      const { by, at, reason } = paused;
      const facts = { issuer, by, at, reason, waiting };
      return [{ ...common, severity: waiting > 0 ? 'warning' : 'info', kind: 'lane-paused', facts, since: at }];
    }
    // Failing volumes are already reported.
    if (state !== 'backing-off' || byState.failing > 0) return [];
    const since = iso(failingSinceMs);
    const facts = { issuer, since, waiting, ...(lastError && { message: lastError.message }) };
    return [{ ...common, severity: 'warning', kind: 'lane-backing-off', facts, since }];
  });
}
