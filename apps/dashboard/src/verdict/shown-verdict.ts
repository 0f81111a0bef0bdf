import type { Verdict } from '@certfleet/operator-api/summary.ts';
import { t } from '../messages/messages.ts';

type Reason = Verdict['reasons'][number];

/** The verdict that the page shows, with reasons of its own. */
export interface ShownVerdict extends Omit<Verdict, 'reasons'> {
  readonly reasons: readonly (Reason | Pick<Reason, 'text' | 'link'>)[];
}

/** Before the first response. */
export const noVerdict: ShownVerdict = {
  level: 'unknown',
  reasons: [{ text: t.verdict.noResponseYet, link: '/' }],
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
  const last = t.verdict.lastKnown(t.verdict.words[level]);
  return { level: 'unknown', reasons: [{ text: last, link: '/' }, ...reasons], more };
}
