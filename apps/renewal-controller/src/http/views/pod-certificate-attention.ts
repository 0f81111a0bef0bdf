import type { Attention } from '@certfleet/operator-api/summary.ts';
import type { PodCertificateRiskReason } from '@certfleet/operator-api/vocabulary.ts';
import type { PodCertificateRiskTally } from '../../pod-certificates/pod-certificate-risk.ts';
import type { PodCertificateStats } from '../../pod-certificates/pod-certificate-stats.ts';
import type { PodCertificates } from '../../pod-certificates/pod-certificate-view.ts';
import { capped, clockTime, urgentMs } from './attention-texts.ts';
import { iso } from './volume-row.ts';

/** The pod certificates in the summary of the fleet. */
export interface PodCertificateFacts extends Pick<PodCertificates, 'following' | 'problem'> {
  readonly stats: PodCertificateStats;
}

interface Circumstances {
  readonly redis: { readonly reachable: boolean };
  readonly nowMs: number;
}

/** Kinds of items that say what is not known of pod certificates. */
const gapKinds: ReadonlySet<string> = new Set(['pod-certificates-outdated', 'pod-certificates-unknown']);

/** Whether an item says that something is not known, which is no problem of a certificate. */
export const isGap = ({ kind }: Attention): boolean => gapKinds.has(kind);

/** Pod certificates at risk, by signer and reason, and what is not known of them. */
export function podCertificateAttention(facts: PodCertificateFacts, circumstances: Circumstances): Attention[] {
  const { nowMs } = circumstances;
  const risky = facts.stats.risks.map((tally) => atRisk(tally, nowMs)).sort(bySeverity);
  return [
    ...capped(risky, 'more signers and reasons with pod certificates at risk', '/pod-certificates?risk=any'),
    ...outdated(facts, circumstances),
    ...unknown(facts),
  ];
}

/** The critical ones must be among the first, which are listed. */
const bySeverity = (a: Attention, b: Attention): number =>
  Number(b.severity === 'critical') - Number(a.severity === 'critical');

const conditions: Readonly<Record<PodCertificateRiskReason, (count: number, since: string) => string>> = {
  denied: (count, since) => `${wasOrWere(count)} denied, the first at ${since}`,
  failed: (count, since) => `${wasOrWere(count)} failed by the signer, the first at ${since}`,
  expired: (count, since) => `${hasOrHave(count)} expired, the first at ${since}`,
  overdue: (count, since) => `${hasOrHave(count)} been overdue since ${since}: the kubelet has not refreshed in time`,
  waiting: (count, since) => `${hasOrHave(count)} waited for a certificate since ${since}`,
};

function atRisk(tally: PodCertificateRiskTally, nowMs: number): Attention {
  const { signer, reason, count, sinceMs, soonestExpiryMs, refusal } = tally;
  const condition = conditions[reason](count, clockTime(sinceMs, nowMs));
  const why = refusal === '' || !isRefused(reason) ? '' : `: ${refusal}`;
  return {
    severity: (soonestExpiryMs ?? Infinity) - nowMs <= urgentMs ? 'critical' : 'warning',
    kind: `pod-certificates-${reason}`,
    text: `${certificates(count)} of signer ${signer} ${condition}${why}`,
    count,
    since: iso(sinceMs),
    ...(soonestExpiryMs !== undefined && { expires: iso(soonestExpiryMs) }),
    link: `/pod-certificates?${new URLSearchParams({ risk: reason, signer }).toString()}`,
  };
}

const isRefused = (reason: PodCertificateRiskReason): boolean => reason === 'denied' || reason === 'failed';

function outdated({ following, problem, stats }: PodCertificateFacts, { redis }: Circumstances): Attention[] {
  // An unreachable Redis is reported by itself.
  if (following === 'current' || !redis.reachable) return [];
  const why = problem === undefined ? '' : `: ${problem}`;
  const text =
    following === 'loading'
      ? `the pod certificates are not loaded yet${why}`
      : `the pod certificates may be outdated${why}`;
  const { total: count } = stats.all;
  return [{ severity: 'warning', kind: 'pod-certificates-outdated', text, count, link: '/pod-certificates' }];
}

function unknown({ stats }: PodCertificateFacts): Attention[] {
  const { unknown: count } = stats.all.byState;
  if (count === 0) return [];
  const text = `${certificates(count)} ${count === 1 ? 'is' : 'are'} unknown until the next refresh`;
  return [{ severity: 'info', kind: 'pod-certificates-unknown', text, count, link: '/pod-certificates?state=unknown' }];
}

const certificates = (count: number): string => `${count} pod ${count === 1 ? 'certificate' : 'certificates'}`;
const hasOrHave = (count: number): string => (count === 1 ? 'has' : 'have');
const wasOrWere = (count: number): string => (count === 1 ? 'was' : 'were');
