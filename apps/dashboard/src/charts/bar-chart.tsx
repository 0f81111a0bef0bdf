import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type uPlot from 'uplot';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { axisTime } from '../time/relative-time.ts';
import type { Zone } from '../time/relative-time.ts';
import { formatCount } from '../ui/count.ts';
import { cssColor } from './css-color.ts';

/** One series of bars. Later series are drawn over earlier ones. */
interface BarSeries {
  readonly title: string;
  /** Name of the custom property with its colour. */
  readonly color: string;
  readonly values: readonly (number | null)[];
}

export interface BarChartProps {
  /** The text alternative for screen readers. */
  readonly label: string;
  /** Starts of the intervals, in seconds since the Unix epoch. */
  readonly from: readonly number[];
  readonly series: readonly BarSeries[];
  /** Marks a time, in seconds since the Unix epoch. */
  readonly markAt: number | undefined;
  /** Times with a note at the upper edge, in seconds since the Unix epoch. */
  readonly notes: readonly number[];
  readonly onHover: (index: number | undefined) => void;
  /** A time was selected by dragging, in seconds since the Unix epoch. */
  readonly onSelect: (from: number, to: number) => void;
  /** An interval was clicked. */
  readonly onPick: (index: number) => void;
}

const height = 180;
/** Distances of the lines of counts. */
const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000];

/** A bar chart over time. The chart library is loaded on first use. */
export function BarChart(props: BarChartProps): JSX.Element {
  const { theme, times } = useServices();
  const changes = useStore(theme.changes);
  const { zone } = useStore(times.chosen);
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const shape = props.series.map(({ title }) => title).join();

  useEffect(() => {
    const { current: element } = frame;
    if (element === null) return;
    let isGone = false;
    const resize = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    void import('uplot').then(({ default: UPlot }) => {
      if (isGone) return;
      plot.current = new UPlot(optionsOf(UPlot, { element, latest, zone }), dataOf(latest.current), element);
      resize.observe(element);
    });
    return () => {
      isGone = true;
      resize.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [shape, changes, zone]);
  useEffect(() => plot.current?.setData(dataOf(props)), [props.from, props.series, props.notes.join()]);
  return <div class="chart" ref={frame} role="img" aria-label={props.label} />;
}

function dataOf({ from, series }: BarChartProps): uPlot.AlignedData {
  return [[...from], ...series.map(({ values }) => [...values])];
}

interface ChartContext {
  readonly element: HTMLElement;
  readonly latest: { readonly current: BarChartProps };
  readonly zone: Zone;
}

function optionsOf(UPlot: typeof uPlot, { element, latest, zone }: ChartContext): uPlot.Options {
  const color = (name: string): string => cssColor(element, name);
  const line = color('--line');
  const axis = {
    stroke: color('--dim'),
    font: `11px ${getComputedStyle(element).fontFamily}`,
    ticks: { show: false },
    grid: { stroke: line, width: 1 },
  };
  const bars = UPlot.paths.bars?.({ size: [0.72, 40], align: 1, radius: 0.15 });
  return {
    width: element.clientWidth,
    height,
    // The splits of the axis are at full hours and days of the zone.
    tzDate: (seconds) => {
      const at = new Date(seconds * 1000);
      return zone === 'utc' ? UPlot.tzDate(at, 'Etc/UTC') : at;
    },
    padding: [8, 4, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
    scales: {
      // Bars begin at their time: the last one needs its whole interval.
      x: { range: (_plot, low, high) => [low, high + intervalOf(latest.current)] },
      y: { range: (_plot, _low, high) => [0, Math.max(4, Math.ceil(high * 1.1))] },
    },
    axes: [
      { ...axis, grid: { show: false }, space: 60, size: 26, values: (_plot, splits) => timeLabels(splits, zone) },
      { ...axis, size: 44, space: 36, values: (_plot, splits) => splits.map(formatCount), incrs: steps },
    ],
    series: [
      {},
      ...latest.current.series.map(({ color: name }) => ({
        fill: color(name),
        width: 0,
        points: { show: false },
        ...(bars === undefined ? {} : { paths: bars }),
      })),
    ],
    hooks: {
      setCursor: [(plot) => latest.current.onHover(indexAt(plot))],
      draw: [
        (plot) => {
          drawMark(plot, latest.current.markAt, color('--text'));
          for (const at of latest.current.notes) drawNote(plot, at, color('--text'));
        },
      ],
      setSelect: [(plot) => select(plot, latest.current)],
      ready: [(plot) => plot.over.addEventListener('click', () => pick(plot, latest.current))],
    },
  };
}

/** In pixels; a shorter movement is a click. */
const minDrag = 5;

function select(plot: uPlot, { onSelect }: BarChartProps): void {
  const { left, width } = plot.select;
  if (width < minDrag) return;
  onSelect(plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'));
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
}

function pick(plot: uPlot, { onPick }: BarChartProps): void {
  const index = indexAt(plot);
  if (index !== undefined && plot.select.width < minDrag) onPick(index);
}

/** The interval at the cursor; undefined outside of the chart. The index of uPlot is that of the nearest start. */
function indexAt(plot: uPlot): number | undefined {
  const { left = -1 } = plot.cursor;
  if (left < 0) return undefined;
  const at = plot.posToVal(left, 'x');
  const index = plot.data[0].findLastIndex((from) => from <= at);
  return index === -1 ? undefined : index;
}

/** The length of an interval, in seconds; all are equal. */
function intervalOf({ from: [first = 0, second = first + 3600] }: BarChartProps): number {
  return second - first;
}

/** Hours; the date at midnight and when the unit is a day. */
function timeLabels(splits: readonly number[], zone: Zone): string[] {
  return splits.map((seconds) => axisTime(seconds * 1000, zone));
}

function drawMark(plot: uPlot, at: number | undefined, color: string): void {
  if (at === undefined) return;
  const { ctx, bbox } = plot;
  const x = plot.valToPos(at, 'x', true);
  if (x < bbox.left || x > bbox.left + bbox.width) return;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}

/** A triangle at the upper edge. */
function drawNote(plot: uPlot, at: number, color: string): void {
  const { ctx, bbox } = plot;
  const x = plot.valToPos(at, 'x', true);
  if (x < bbox.left || x > bbox.left + bbox.width) return;
  const size = 4 * devicePixelRatio;
  ctx.save();
  ctx.fillStyle = color;
  ctx.beginPath();
  ctx.moveTo(x - size, bbox.top);
  ctx.lineTo(x + size, bbox.top);
  ctx.lineTo(x, bbox.top + 2 * size);
  ctx.fill();
  ctx.restore();
}
