import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { Timeline } from '@certfleet/operator-api/timeline.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { BarChart } from '../charts/bar-chart.tsx';
import { timeParts } from '../time/relative-time.ts';
import type { Zone } from '../time/relative-time.ts';
import { counted, formatCount } from '../ui/count.ts';
import { DataTable } from '../ui/data-table.tsx';
import { daySpans, hourSpans } from './timeline-spans.ts';
import type { TimelineSpan } from './timeline-spans.ts';

/** Renewals of the past two days and the next: by hour, or by day for a month. */
export function TimelinePanel({ timeline }: { readonly timeline: Timeline }): JSX.Element {
  const { serverClock, times } = useServices();
  const { zone } = useStore(times.chosen);
  const [unit, setUnit] = useState<'hours' | 'days'>('hours');
  const [hovered, setHovered] = useState<number | undefined>(undefined);
  const spans = useMemo(() => (unit === 'hours' ? hourSpans(timeline) : daySpans(timeline)), [timeline, unit]);
  const series = useMemo(() => seriesOf(spans, unit), [spans, unit]);
  const from = useMemo(() => spans.map(({ fromMs }) => fromMs / 1000), [spans]);
  const text = summaryOf(timeline);
  const span = hovered === undefined ? undefined : spans[hovered];
  return (
    <section class="panel" aria-labelledby="timeline">
      <div class="panel-head">
        <h2 id="timeline">Renewals</h2>
        <div class="segments" role="group" aria-label="Unit of time">
          {(['hours', 'days'] as const).map((each) => (
            <button type="button" key={each} aria-pressed={unit === each} onClick={() => setUnit(each)}>
              {each === 'hours' ? 'By hour' : 'By day'}
            </button>
          ))}
        </div>
      </div>
      <p class="readout" aria-hidden="true">
        {span === undefined ? <Legend unit={unit} /> : <Readout span={span} unit={unit} zone={zone} />}
      </p>
      <BarChart
        label={text}
        from={from}
        series={series}
        markAt={unit === 'hours' ? serverClock.now() / 1000 : undefined}
        onHover={setHovered}
      />
      <p class="dim small">{text}</p>
      <details class="as-table">
        <summary>As a table</summary>
        <DataTable
          caption="Renewals over time"
          rows={spans}
          keyOf={({ fromMs }) => String(fromMs)}
          columns={[
            { name: 'from', title: 'From', cell: ({ fromMs }) => spanTitle(fromMs, unit, zone) },
            { name: 'renewed', title: 'Renewed', isNumber: true, cell: ({ renewed }) => countOrNone(renewed) },
            { name: 'failed', title: 'Failed attempts', isNumber: true, cell: ({ failed }) => countOrNone(failed) },
            { name: 'due', title: 'Due', isNumber: true, cell: ({ due }) => countOrNone(due) },
          ]}
        />
      </details>
    </section>
  );
}

const countOrNone = (count: number | null): string => (count === null ? '–' : formatCount(count));

function seriesOf(spans: readonly TimelineSpan[], unit: 'hours' | 'days') {
  const due = { title: 'due', color: '--due-bar', values: spans.map(({ due: count }) => count) };
  if (unit === 'days') return [due];
  return [
    // Failed attempts are stacked on renewals: the sum is drawn first, the renewals over it.
    {
      title: 'failed',
      color: '--failing',
      values: spans.map(({ renewed, failed }) => (renewed === null ? null : renewed + (failed ?? 0))),
    },
    { title: 'renewed', color: '--healthy-bar', values: spans.map(({ renewed }) => renewed) },
    due,
  ];
}

function Legend({ unit }: { readonly unit: 'hours' | 'days' }): JSX.Element {
  return (
    <>
      {unit === 'hours' && (
        <>
          <span class="key key-renewed">renewed</span>
          <span class="key key-failed">failed attempts</span>
        </>
      )}
      <span class="key key-due">due</span>
      {unit === 'hours' && <span class="key key-now">now</span>}
    </>
  );
}

interface ReadoutProps {
  readonly span: TimelineSpan;
  readonly unit: 'hours' | 'days';
  readonly zone: Zone;
}

function Readout({ span, unit, zone }: ReadoutProps): JSX.Element {
  const { fromMs, renewed, failed, due } = span;
  return (
    <>
      <strong>{spanTitle(fromMs, unit, zone)}</strong>
      {renewed !== null && <span class="key key-renewed">{formatCount(renewed)} renewed</span>}
      {failed !== null && failed > 0 && <span class="key key-failed">{formatCount(failed)} failed</span>}
      {due !== null && <span class="key key-due">{formatCount(due)} due</span>}
    </>
  );
}

const dayFormat = new Intl.DateTimeFormat('en', {
  weekday: 'short',
  month: 'short',
  day: 'numeric',
  timeZone: 'UTC',
});

function spanTitle(fromMs: number, unit: 'hours' | 'days', shownIn: Zone): string {
  const { date, clock, zone } = timeParts(fromMs, shownIn);
  const day = dayFormat.format(new Date(date));
  return unit === 'hours' ? `${day} ${clock.slice(0, 5)} ${zone}` : day;
}

function summaryOf({ due, done }: Timeline): string {
  const sum = (of: (span: Timeline['done']['hours'][number]) => number): number =>
    done.hours.reduce((total, span) => total + of(span), 0);
  const renewed = sum((span) => span.renewed);
  const deadline = sum((span) => span.byDeadline);
  const next = due.hours.slice(0, 24).reduce((total, { count }) => total + count, 0);
  return `In the past 48 hours ${counted(renewed, 'renewal')}, ${formatCount(deadline)} of them by fallback deadline, and ${counted(
    sum((span) => span.failed),
    'failed attempt',
  )}. ${formatCount(next)} due in the next 24 hours.`;
}
