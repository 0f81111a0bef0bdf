import type { Attention, Verdict } from '@certfleet/operator-api/summary.ts';

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
 * problems follow as reasons.
 */
export function fleetVerdict({ doubts, attention, atRisk }: VerdictSources): Verdict {
  const problems = attention.filter(({ severity }) => severity !== 'info');
  const isCritical = problems.some(({ severity }) => severity === 'critical');
  const text = `${atRisk} ${atRisk === 1 ? 'volume is' : 'volumes are'} not certain to be renewed`;
  const all: readonly Reason[] = [
    ...doubts.map((doubt) => ({ text: doubt, link: '/' })),
    ...problems.map(({ text: problem, since, link }) => ({ text: problem, ...(since && { since }), link })),
    ...(problems.length === 0 && atRisk > 0 ? [{ text, link: '/at-risk' }] : []),
  ];
  return {
    level: doubts.length > 0 ? 'unknown' : isCritical ? 'critical' : all.length > 0 ? 'attention' : 'ok',
    reasons: all.slice(0, maxReasons),
    more: Math.max(0, all.length - maxReasons),
  };
}
