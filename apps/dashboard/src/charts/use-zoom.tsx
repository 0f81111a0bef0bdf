import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { changedRange, selectedRange, spansIn, stepOf } from './chart-range.ts';
import type { ChartRange } from './chart-range.ts';
import { RangeButtons } from './range-buttons.tsx';

export interface Zoom<T> {
  /** The spans in the chosen range. */
  readonly spans: readonly T[];
  /** The length of a span. */
  readonly stepMs: number;
  readonly buttons: JSX.Element;
  readonly select: (fromMs: number, toMs: number) => void;
  readonly reset: () => void;
}

/** The range of a chart that its buttons and a selection change. @param all all spans of the chart */
export function useZoom<T extends { readonly fromMs: number }>(all: readonly T[]): Zoom<T> {
  const [range, setRange] = useState<ChartRange | undefined>(undefined);
  return {
    spans: spansIn(all, range),
    stepMs: stepOf(all),
    buttons: <RangeButtons onChange={(change) => setRange(changedRange(all, range, change))} />,
    select: (fromMs, toMs) => setRange(selectedRange(all, { fromMs, toMs })),
    reset: () => setRange(undefined),
  };
}
