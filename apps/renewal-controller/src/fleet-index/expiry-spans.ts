const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** A span of time from now in which certificates expire. */
export interface ExpirySpan {
  readonly label: string;
  /** End of the span, in milliseconds from now; the begin is the end of the one before. */
  readonly toMs: number;
}

/** From what is past to what is far, in steps that suit certificates of seconds and of years. */
export const expirySpans: readonly ExpirySpan[] = [
  { label: 'expired', toMs: 0 },
  { label: 'within 10 min', toMs: 10 * minuteMs },
  { label: '10 to 60 min', toMs: hourMs },
  { label: '1 to 6 h', toMs: 6 * hourMs },
  { label: '6 to 24 h', toMs: dayMs },
  { label: '1 to 7 d', toMs: 7 * dayMs },
  { label: '7 to 30 d', toMs: 30 * dayMs },
  { label: '30 to 90 d', toMs: 90 * dayMs },
  { label: 'later', toMs: Infinity },
];

/** The place in `expirySpans` of a time so many milliseconds from now. */
export function expirySpanOf(leftMs: number): number {
  let span = 0;
  while (leftMs > (expirySpans[span]?.toMs ?? Infinity)) span += 1;
  return span;
}
