import { expirySpans as spans } from '@certfleet/operator-api/vocabulary.ts';
import type { ExpirySpan } from '@certfleet/operator-api/vocabulary.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** The end of each span in milliseconds from now; a span begins at the end of the preceding one. */
const ends: Readonly<Record<ExpirySpan, number>> = {
  expired: 0,
  '10m': 10 * minuteMs,
  '1h': hourMs,
  '6h': 6 * hourMs,
  '24h': dayMs,
  '7d': 7 * dayMs,
  '30d': 30 * dayMs,
  '90d': 90 * dayMs,
  later: Infinity,
};

/** From past to far, in steps that suit lifetimes of seconds and of years. */
export const expirySpans = spans.map((span) => ({ span, toMs: ends[span] }));

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
