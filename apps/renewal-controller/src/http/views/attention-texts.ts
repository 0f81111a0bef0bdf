import type { Attention } from '@certfleet/operator-api/summary.ts';

/** A certificate with a problem that expires within this time is critical. */
export const urgentMs = 3_600_000;

/** Maximum items of one kind; one more item counts the rest. */
const maxOfKind = 10;

/** The first items, and one that counts the rest and is as severe as the first of these. */
export function capped(found: readonly Attention[], more: string, link: string): readonly Attention[] {
  const rest = found.slice(maxOfKind);
  const [first] = rest;
  if (first === undefined) return found;
  const { kind, severity } = first;
  return [
    ...found.slice(0, maxOfKind),
    { kind, severity, text: `${rest.length} ${more}`, count: rest.reduce((sum, { count }) => sum + count, 0), link },
  ];
}

/** A time of day in UTC; includes the date if the time is more than a day away. */
export function clockTime(timeMs: number, nowMs: number): string {
  const text = new Date(timeMs).toISOString();
  const time = `${text.slice(11, 16)} UTC`;
  return nowMs - timeMs < 86_400_000 ? time : `${text.slice(0, 10)} ${time}`;
}
