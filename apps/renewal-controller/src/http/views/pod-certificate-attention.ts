import type { Problem } from '@certfleet/operator-api/problems.ts';
import type { PodCertificateRiskTally } from '../../pod-certificates/pod-certificate-risk.ts';
import type { PodCertificateStats } from '../../pod-certificates/pod-certificate-stats.ts';
import type { PodCertificates } from '../../pod-certificates/pod-certificate-view.ts';
import { capped, urgentMs } from './attention-texts.ts';
import type { AttentionItem } from './attention-texts.ts';
import { iso } from './volume-row.ts';

/** The pod certificates in the summary of the fleet. */
export interface PodCertificateFacts extends Pick<PodCertificates, 'following' | 'problem'> {
  readonly stats: PodCertificateStats;
}

interface Circumstances {
  readonly redis: { readonly reachable: boolean };
  readonly nowMs: number;
}

/** Pod certificates at risk, by signer and reason, and what is not known of them. */
export function podCertificateAttention(facts: PodCertificateFacts, circumstances: Circumstances): AttentionItem[] {
  const { nowMs } = circumstances;
  const risky = facts.stats.risks.map((tally) => atRisk(tally, nowMs)).sort(bySeverity);
  return [
    ...capped(
      risky,
      (groups) => ({ kind: 'more-pod-certificates-at-risk', facts: { groups } }),
      '/pod-certificates?risk=any',
    ),
    ...outdated(facts, circumstances),
    ...unknown(facts),
  ];
}

/** The critical ones must be among the first, which are listed. */
const bySeverity = (a: AttentionItem, b: AttentionItem): number =>
  Number(b.severity === 'critical') - Number(a.severity === 'critical');

function atRisk(tally: PodCertificateRiskTally, nowMs: number): AttentionItem {
  const { signer, reason, count, sinceMs, soonestExpiryMs } = tally;
  return {
    ...problemOf(tally),
    severity: (soonestExpiryMs ?? Infinity) - nowMs <= urgentMs ? 'critical' : 'warning',
    count,
    since: iso(sinceMs),
    ...(soonestExpiryMs !== undefined && { expires: iso(soonestExpiryMs) }),
    link: `/pod-certificates?${new URLSearchParams({ risk: reason, signer }).toString()}`,
  };
}

function problemOf({ signer, reason, count: certificates, sinceMs, refusal }: PodCertificateRiskTally): Problem {
  const at = iso(sinceMs);
  switch (reason) {
    case 'denied':
    case 'failed':
      return {
        kind: `pod-certificates-${reason}`,
        facts: { certificates, signer, at, ...(refusal !== '' && { message: refusal }) },
      };
    case 'expired':
      return { kind: 'pod-certificates-expired', facts: { certificates, signer, at } };
    case 'overdue':
    case 'waiting':
      return { kind: `pod-certificates-${reason}`, facts: { certificates, signer, since: at } };
  }
}

function outdated({ following, problem, stats }: PodCertificateFacts, { redis }: Circumstances): AttentionItem[] {
  // An unreachable Redis is reported by itself.
  if (following === 'current' || !redis.reachable) return [];
  const kind = following === 'loading' ? 'pod-certificates-not-loaded' : 'pod-certificates-outdated';
  const facts = problem === undefined ? {} : { message: problem };
  return [{ severity: 'warning', kind, facts, count: stats.all.total, link: '/pod-certificates' }];
}

function unknown({ stats }: PodCertificateFacts): AttentionItem[] {
  const { unknown: count } = stats.all.byState;
  if (count === 0) return [];
  const facts = { certificates: count };
  return [
    { severity: 'info', kind: 'pod-certificates-unknown', facts, count, link: '/pod-certificates?state=unknown' },
  ];
}
