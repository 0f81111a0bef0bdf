import type { Verdict } from '@certfleet/operator-api/summary.ts';

/** The verdict that the page shows. */
export type ShownVerdict = Verdict;

export const verdictWords: Readonly<Record<Verdict['level'], string>> = {
  ok: 'All OK',
  attention: 'Attention',
  critical: 'Critical',
  unknown: 'Unknown',
};

/** Before the first response. */
export const noVerdict: ShownVerdict = {
  level: 'unknown',
  reasons: [{ text: 'The controller has not responded yet', link: '/' }],
  more: 0,
};

/**
 * What the page may say: a verdict that is not current is unknown, with the last known one as a reason.
 * @param verdict undefined if none was received
 */
export function shownVerdict(verdict: Verdict | undefined, isCurrent: boolean): ShownVerdict {
  if (verdict === undefined) return noVerdict;
  if (isCurrent) return verdict;
  const { level, reasons, more } = verdict;
  const last = `The controller does not respond. The last known verdict is: ${verdictWords[level]}`;
  return { level: 'unknown', reasons: [{ text: last, link: '/' }, ...reasons], more };
}
