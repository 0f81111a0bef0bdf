import type { Timeline } from '@certfleet/operator-api/timeline.ts';

export type TimeUnit = 'hours' | 'days';

/** The completed and due renewals of a span of time; null where a number is unknown. */
export interface TimelineSpan {
  readonly fromMs: number;
  readonly renewed: number | null;
  readonly failed: number | null;
  readonly due: number | null;
}

/** Past and future hours in order; the current one contains both. */
export function hourSpans({ done, due }: Timeline): readonly TimelineSpan[] {
  const spans = new Map<number, TimelineSpan>();
  for (const { from, renewed, failed } of done.hours) {
    const fromMs = Date.parse(from);
    spans.set(fromMs, { fromMs, renewed, failed, due: null });
  }
  for (const { from, count } of due.hours) {
    const fromMs = Date.parse(from);
    spans.set(fromMs, { ...(spans.get(fromMs) ?? { fromMs, renewed: null, failed: null }), due: count });
  }
  return [...spans.values()].sort((a, b) => a.fromMs - b.fromMs);
}

/** Future days. */
export function daySpans({ due }: Timeline): readonly TimelineSpan[] {
  return due.days.map(({ from, count }) => ({ fromMs: Date.parse(from), renewed: null, failed: null, due: count }));
}
