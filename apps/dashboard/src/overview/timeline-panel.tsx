import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { Audit } from '@certfleet/operator-api/audit.ts';
import type { Timeline } from '@certfleet/operator-api/timeline.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { BarChart } from '../charts/bar-chart.tsx';
import { useActions } from '../charts/use-actions.ts';
import { isSettled } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import type { Zone } from '../time/relative-time.ts';
import { annotationsOf, bySpan } from './annotations.ts';
import type { Annotation } from './annotations.ts';
import { changedRange, selectedRange, spansIn, stepOf } from './chart-range.ts';
import type { ChartRange } from './chart-range.ts';
import { RangeButtons } from './range-buttons.tsx';
import { spanTitle } from './span-title.ts';
import { daySpans, hourSpans } from './timeline-spans.ts';
import type { TimelineSpan, TimeUnit } from './timeline-spans.ts';
import { dueHref, TimelineTable } from './timeline-table.tsx';

const texts = t.overview.timeline;

/** How far the chart goes back. */
const pastMs = 48 * 3_600_000;

/** Renewals of the past two days and the next, and the actions of operators: by hour, or by day for a month. */
export function TimelinePanel({ timeline }: { readonly timeline: Timeline }): JSX.Element {
  const [unit, setUnit] = useState<TimeUnit>('hours');
  const [range, setRange] = useState<ChartRange | undefined>(undefined);
  const all = useMemo(() => (unit === 'hours' ? hourSpans(timeline) : daySpans(timeline)), [timeline, unit]);
  const audit = useActions(pastMs);
  return (
    <section class="panel" aria-labelledby="timeline">
      <div class="panel-head">
        <h2 id="timeline">{texts.title}</h2>
        <RangeButtons onChange={(change) => setRange(changedRange(all, range, change))} />
        <div class="segments" role="group" aria-label={texts.unit}>
          {(['hours', 'days'] as const).map((each) => (
            <button
              type="button"
              key={each}
              aria-pressed={unit === each}
              onClick={() => {
                setUnit(each);
                setRange(undefined);
              }}
            >
              {texts[each]}
            </button>
          ))}
        </div>
      </div>
      <Chart
        spans={spansIn(all, range)}
        unit={unit}
        stepMs={stepOf(all)}
        text={summaryOf(timeline)}
        audit={audit.data}
        onSelect={(fromMs, toMs) => setRange(selectedRange(all, { fromMs, toMs }))}
      />
      {isSettled(audit) && !audit.isCurrent && <p class="dim small">{texts.actionsOutdated}</p>}
      {audit.isCurrent && audit.data?.next !== undefined && <p class="dim small">{texts.actionsCut}</p>}
    </section>
  );
}

interface ChartProps {
  readonly spans: readonly TimelineSpan[];
  readonly unit: TimeUnit;
  readonly stepMs: number;
  readonly text: string;
  readonly audit: Audit | undefined;
  readonly onSelect: (fromMs: number, toMs: number) => void;
}

function Chart({ spans, unit, stepMs, text, audit, onSelect }: ChartProps): JSX.Element {
  const { router, serverClock, times } = useServices();
  const { zone } = useStore(times.chosen);
  const [hovered, setHovered] = useState<number | undefined>(undefined);
  const [isTabular, setTabular] = useState(false);
  const series = useMemo(() => seriesOf(spans, unit), [spans, unit]);
  const from = useMemo(() => spans.map(({ fromMs }) => fromMs / 1000), [spans]);
  const annotations = useMemo(() => (audit === undefined ? [] : annotationsOf(audit)), [audit]);
  const ofSpan = useMemo(
    () => bySpan(annotations, unit === 'hours' ? spans.map(({ fromMs }) => fromMs) : [], stepMs),
    [annotations, spans],
  );
  const span = hovered === undefined ? undefined : spans[hovered];
  const open = (index: number): void => {
    const { fromMs, due } = spans[index] ?? {};
    if (fromMs !== undefined && due) router.go(dueHref(fromMs, stepMs));
  };
  return (
    <>
      <p class="readout" aria-hidden="true">
        {span === undefined ? (
          <Legend unit={unit} />
        ) : (
          <Readout span={span} unit={unit} zone={zone} actions={ofSpan.get(span.fromMs) ?? []} />
        )}
      </p>
      <BarChart
        label={text}
        from={from}
        series={series}
        markAt={unit === 'hours' ? serverClock.now() / 1000 : undefined}
        notes={unit === 'hours' ? annotations.map(({ atMs }) => atMs / 1000) : []}
        onHover={setHovered}
        onSelect={(low, high) => onSelect(low * 1000, high * 1000)}
        onPick={open}
      />
      <p class="dim small">{text}</p>
      <details class="as-table" onToggle={({ currentTarget }) => setTabular(currentTarget.open)}>
        <summary>{texts.asTable}</summary>
        {isTabular && <TimelineTable spans={spans} unit={unit} stepMs={stepMs} zone={zone} annotations={ofSpan} />}
      </details>
    </>
  );
}

function seriesOf(spans: readonly TimelineSpan[], unit: TimeUnit) {
  const due = { title: texts.legend.due, color: '--due-bar', values: spans.map(({ due: count }) => count) };
  if (unit === 'days') return [due];
  return [
    // Failed attempts are stacked on renewals: the sum is drawn first, the renewals over it.
    {
      title: texts.legend.failed,
      color: '--failing',
      values: spans.map(({ renewed, failed }) => (renewed === null ? null : renewed + (failed ?? 0))),
    },
    { title: texts.legend.renewed, color: '--healthy-bar', values: spans.map(({ renewed }) => renewed) },
    due,
  ];
}

function Legend({ unit }: { readonly unit: TimeUnit }): JSX.Element {
  return (
    <>
      {unit === 'hours' && (
        <>
          <span class="key key-renewed">{texts.legend.renewed}</span>
          <span class="key key-failed">{texts.legend.failed}</span>
        </>
      )}
      <span class="key key-due">{texts.legend.due}</span>
      {unit === 'hours' && (
        <>
          <span class="key key-now">{texts.legend.now}</span>
          <span class="key key-action">{texts.legend.action}</span>
        </>
      )}
    </>
  );
}

const maxNamed = 3;

interface ReadoutProps {
  readonly span: TimelineSpan;
  readonly unit: TimeUnit;
  readonly zone: Zone;
  readonly actions: readonly Annotation[];
}

function Readout({ span, unit, zone, actions }: ReadoutProps): JSX.Element {
  const { fromMs, renewed, failed, due } = span;
  return (
    <>
      <strong>{spanTitle(fromMs, unit, zone)}</strong>
      {renewed !== null && <span class="key key-renewed">{texts.renewedCount(renewed)}</span>}
      {failed !== null && failed > 0 && <span class="key key-failed">{texts.failedCount(failed)}</span>}
      {due !== null && <span class="key key-due">{texts.dueCount(due)}</span>}
      {actions.slice(0, maxNamed).map(({ atMs, text }) => (
        <span class="key key-action" key={`${atMs} ${text}`}>
          {text}
        </span>
      ))}
      {actions.length > maxNamed && <span class="dim">{t.common.andMore(actions.length - maxNamed)}</span>}
    </>
  );
}

function summaryOf({ due, done }: Timeline): string {
  const sum = (of: (span: Timeline['done']['hours'][number]) => number): number =>
    done.hours.reduce((total, span) => total + of(span), 0);
  return texts.summary({
    renewed: sum((span) => span.renewed),
    byDeadline: sum((span) => span.byDeadline),
    failed: sum((span) => span.failed),
    due: due.hours.slice(0, 24).reduce((total, { count }) => total + count, 0),
  });
}
