import { englishProblems, problemText } from '@certfleet/operator-api/english-texts.ts';
import type { Problem } from '@certfleet/operator-api/problems.ts';
import type { Attention } from '@certfleet/operator-api/summary.ts';

/** A certificate with a problem that expires within this time is critical. */
export const urgentHours = 1;
export const urgentMs = urgentHours * 3_600_000;

/** An item without its sentence. */
export type AttentionItem = Problem & Pick<Attention, 'severity' | 'count' | 'since' | 'expires' | 'link'>;

const english = englishProblems<string, string>({
  // As in the CSV of the exports: without separators.
  number: String,
  plural: (count, { one, other }) => (count === 1 ? one : other).replace('#', String(count)),
  rich: (texts, ...parts) => String.raw({ raw: texts }, ...parts),
});

/** The sentence of a problem in English, with times in UTC. */
export function englishText(problem: Problem, nowMs: number): string {
  return problemText(problem, english, {
    since: (at) => `since ${clockTime(Date.parse(at), nowMs)}`,
    at: (at) => `at ${clockTime(Date.parse(at), nowMs)}`,
  });
}

/** Maximum items of one kind; one more item counts the rest. */
const maxOfKind = 10;

/**
 * The first items, and one that counts the rest and is as severe as the first of these.
 * @param more what the rest is, by its number
 */
export function capped(
  found: readonly AttentionItem[],
  more: (rest: number) => Problem,
  link: string,
): readonly AttentionItem[] {
  const rest = found.slice(maxOfKind);
  const [first] = rest;
  if (first === undefined) return found;
  const { severity } = first;
  const count = rest.reduce((sum, each) => sum + each.count, 0);
  return [...found.slice(0, maxOfKind), { ...more(rest.length), severity, count, link }];
}

/** A time of day in UTC; includes the date if the time is more than a day away. */
function clockTime(timeMs: number, nowMs: number): string {
  const text = new Date(timeMs).toISOString();
  const time = `${text.slice(11, 16)} UTC`;
  return nowMs - timeMs < 86_400_000 ? time : `${text.slice(0, 10)} ${time}`;
}
