import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type uPlot from 'uplot';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { timeParts } from '../time/relative-time.ts';
import type { Zone } from '../time/relative-time.ts';
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
  readonly onHover: (index: number | undefined) => void;
}

const height = 180;

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
  useEffect(() => plot.current?.setData(dataOf(props)), [props.from, props.series]);
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
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(4, Math.ceil(high * 1.1))] } },
    axes: [
      { ...axis, grid: { show: false }, space: 60, size: 26, values: (_plot, splits) => timeLabels(splits, zone) },
      { ...axis, size: 44, space: 36, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000] },
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
      setCursor: [({ cursor }) => latest.current.onHover(cursor.idx ?? undefined)],
      draw: [(plot) => drawMark(plot, latest.current.markAt, color('--text'))],
    },
  };
}

/** Hours; the date at midnight and when the unit is a day. */
function timeLabels(splits: readonly number[], zone: Zone): string[] {
  return splits.map((seconds) => {
    const { date, hours, clock } = timeParts(seconds * 1000, zone);
    return hours === 0 ? date.slice(5) : clock.slice(0, 5);
  });
}

function drawMark(plot: uPlot, at: number | undefined, color: string): void {
  if (at === undefined) return;
  const { ctx, bbox } = plot;
  const x = plot.valToPos(at, 'x', true);
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
