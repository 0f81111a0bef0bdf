import type { Problem } from '@certfleet/operator-api/problems.ts';
import type { Attention, Verdict } from '@certfleet/operator-api/summary.ts';
import type { ProblemKind } from '@certfleet/operator-api/vocabulary.ts';
import { englishText } from './attention-texts.ts';

export interface VerdictSources {
  /** Why the counts may be outdated. */
  readonly doubts: readonly Problem[];
  readonly attention: readonly Attention[];
  readonly atRisk: number;
  readonly nowMs: number;
}

/** What a problem speaks of; a gap is what is not known of pod certificates, and no problem of a certificate. */
const subjects: Readonly<Record<ProblemKind, 'fleet' | 'pod-certificates' | 'gap'>> = {
  'redis-unreachable': 'fleet',
  'redis-problem': 'fleet',
  'redis-evicts': 'fleet',
  'index-not-loaded': 'fleet',
  'lanes-unreadable': 'fleet',
  'intent-outdated': 'fleet',
  'at-risk': 'fleet',
  'expires-soon': 'fleet',
  expired: 'fleet',
  overdue: 'fleet',
  failing: 'fleet',
  'more-failing': 'fleet',
  'not-loaded': 'fleet',
  'more-not-loaded': 'fleet',
  'node-silent': 'fleet',
  'nodes-silent': 'fleet',
  'renewal-stopped': 'fleet',
  'more-renewals-stopped': 'fleet',
  'renewal-awaiting-approval': 'fleet',
  'more-renewals-awaiting-approval': 'fleet',
  'lane-paused': 'fleet',
  'lane-backing-off': 'fleet',
  'more-lanes-stopped': 'fleet',
  'pod-certificates-denied': 'pod-certificates',
  'pod-certificates-failed': 'pod-certificates',
  'pod-certificates-expired': 'pod-certificates',
  'pod-certificates-overdue': 'pod-certificates',
  'pod-certificates-waiting': 'pod-certificates',
  'more-pod-certificates-at-risk': 'pod-certificates',
  'pod-certificates-not-loaded': 'gap',
  'pod-certificates-outdated': 'gap',
  'pod-certificates-unknown': 'gap',
};

const isGap = ({ kind }: Problem): boolean => subjects[kind] === 'gap';

type Reason = Verdict['reasons'][number];

const maxReasons = 5;

/**
 * The fleet in one word. A doubt comes before every problem: nothing that may be outdated is called all right, and known
 * problems follow as reasons. What is not known of pod certificates alone is no doubt about the volumes: it comes after the
 * problems, and makes the verdict unknown where it would be ok.
 */
export function fleetVerdict({ doubts, attention, atRisk, nowMs }: VerdictSources): Verdict {
  const gaps = attention.filter(isGap);
  const problems = attention.filter((each) => each.severity !== 'info' && !isGap(each));
  const areVolumesNamed = problems.some(({ kind }) => subjects[kind] === 'fleet');
  const spoken = (problem: Problem, link: string): Reason => ({
    ...problem,
    text: englishText(problem, nowMs),
    link,
  });
  const all: readonly Reason[] = [
    ...doubts.map((doubt) => spoken(doubt, '/')),
    ...problems.map(toReason),
    ...(!areVolumesNamed && atRisk > 0 ? [spoken({ kind: 'at-risk', facts: { volumes: atRisk } }, '/at-risk')] : []),
    ...gaps.map(toReason),
  ];
  return {
    level: levelOf({ hasDoubts: doubts.length > 0, problems, atRisk, hasGaps: gaps.length > 0 }),
    reasons: all.slice(0, maxReasons),
    more: Math.max(0, all.length - maxReasons),
  };
}

function toReason({ kind, facts, text, since, link }: Attention): Reason {
  // The compiler does not follow that kind and facts belong together.
  return { kind, facts, text, ...(since && { since }), link } as Reason;
}

interface LevelFacts {
  readonly hasDoubts: boolean;
  readonly problems: readonly Attention[];
  readonly atRisk: number;
  readonly hasGaps: boolean;
}

function levelOf({ hasDoubts, problems, atRisk, hasGaps }: LevelFacts): Verdict['level'] {
  if (hasDoubts) return 'unknown';
  if (problems.some(({ severity }) => severity === 'critical')) return 'critical';
  if (problems.length > 0 || atRisk > 0) return 'attention';
  return hasGaps ? 'unknown' : 'ok';
}
