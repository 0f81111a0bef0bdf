const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** A time span, relative to now, in which certificates expire. */
export interface ExpirySpan {
  readonly label: string;
  /** End of the span in milliseconds from now; the span begins at the end of the preceding one. */
  readonly toMs: number;
}

/** From past to far, in steps that suit lifetimes of seconds and of years. */
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

/** The index in `expirySpans` of a time this many milliseconds from now. */
export function expirySpanOf(leftMs: number): number {
  let span = 0;
  while (leftMs > (expirySpans[span]?.toMs ?? Infinity)) span += 1;
  return span;
}

/** When a certificate in a span enters the preceding one, in milliseconds since the epoch; Infinity if it has expired. */
export function nextSpanMs(notAfterMs: number, span: number): number {
  return notAfterMs - (expirySpans[span - 1]?.toMs ?? -Infinity);
}
