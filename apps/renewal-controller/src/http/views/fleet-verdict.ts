import type { Attention, Verdict } from '@certfleet/operator-api/summary.ts';
import { isGap } from './pod-certificate-attention.ts';

export interface VerdictSources {
  /** Why the counts may be outdated. */
  readonly doubts: readonly string[];
  readonly attention: readonly Attention[];
  readonly atRisk: number;
}

type Reason = Verdict['reasons'][number];

const maxReasons = 5;

/**
 * The fleet in one word. A doubt comes before every problem: nothing that may be outdated is called all right, and known
 * problems follow as reasons. What is not known of pod certificates alone is no doubt about the volumes: it comes after the
 * problems, and makes the verdict unknown where it would be ok.
 */
export function fleetVerdict({ doubts, attention, atRisk }: VerdictSources): Verdict {
  const gaps = attention.filter(isGap);
  const problems = attention.filter((each) => each.severity !== 'info' && !isGap(each));
  const text = `${atRisk} ${atRisk === 1 ? 'volume is' : 'volumes are'} not certain to be renewed`;
  const areVolumesNamed = problems.some(({ kind }) => !kind.startsWith('pod-certificates-'));
  const all: readonly Reason[] = [
    ...doubts.map((doubt) => ({ text: doubt, link: '/' })),
    ...problems.map(toReason),
    ...(!areVolumesNamed && atRisk > 0 ? [{ text, link: '/at-risk' }] : []),
    ...gaps.map(toReason),
  ];
  return {
    level: levelOf({ hasDoubts: doubts.length > 0, problems, atRisk, hasGaps: gaps.length > 0 }),
    reasons: all.slice(0, maxReasons),
    more: Math.max(0, all.length - maxReasons),
  };
}

const toReason = ({ text, since, link }: Attention): Reason => ({ text, ...(since && { since }), link });

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
