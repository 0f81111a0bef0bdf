/** A span of a chart; all spans of a chart have one length. */
interface Span {
  readonly fromMs: number;
}

/** A part of the chart's time: whole spans. */
export interface ChartRange {
  readonly fromMs: number;
  readonly toMs: number;
}

export const rangeChanges = ['in', 'out', 'earlier', 'later'] as const;
export type RangeChange = (typeof rangeChanges)[number];

/** The fewest spans that a range has. */
const minSpans = 4;
const hourMs = 3_600_000;

/** The length of the spans; all are equal. */
export function stepOf([first, second]: readonly Span[]): number {
  return first === undefined || second === undefined ? hourMs : second.fromMs - first.fromMs;
}

/** The spans of a range; all, if the range contains none any more. */
export function spansIn<T extends Span>(spans: readonly T[], range: ChartRange | undefined): readonly T[] {
  if (range === undefined) return spans;
  const found = spans.filter(({ fromMs }) => fromMs >= range.fromMs && fromMs < range.toMs);
  return found.length === 0 ? spans : found;
}

/** The range of the spans that a selection touches; undefined for all. */
export function selectedRange(spans: readonly Span[], selected: ChartRange): ChartRange | undefined {
  const stepMs = stepOf(spans);
  const touched = spans.filter(({ fromMs }) => fromMs + stepMs > selected.fromMs && fromMs < selected.toMs);
  const [first, last] = [touched[0], touched.at(-1)];
  if (first === undefined || last === undefined || touched.length === spans.length) return undefined;
  return { fromMs: first.fromMs, toMs: last.fromMs + stepMs };
}

/** The range after a step of the keyboard's buttons; undefined for all. */
export function changedRange(
  spans: readonly Span[],
  range: ChartRange | undefined,
  change: RangeChange,
): ChartRange | undefined {
  const stepMs = stepOf(spans);
  const startMs = spans[0]?.fromMs ?? 0;
  // In spans from the start of the chart.
  const first = range === undefined ? 0 : Math.round((range.fromMs - startMs) / stepMs);
  const count = range === undefined ? spans.length : Math.round((range.toMs - range.fromMs) / stepMs);
  const wanted = { in: Math.max(minSpans, Math.ceil(count / 2)), out: count * 2, earlier: count, later: count }[change];
  if (wanted >= spans.length) return undefined;
  const shift = { in: 0, out: 0, earlier: -Math.ceil(count / 2), later: Math.ceil(count / 2) }[change];
  const from = Math.round(first + count / 2 - wanted / 2) + shift;
  const fromMs = startMs + Math.min(spans.length - wanted, Math.max(0, from)) * stepMs;
  return { fromMs, toMs: fromMs + wanted * stepMs };
}
