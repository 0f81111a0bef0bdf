import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { BarChart } from '../charts/bar-chart.tsx';
import { t } from '../messages/messages.ts';
import type { Zone } from '../time/relative-time.ts';
import { bySpan } from './annotations.ts';
import type { Annotation } from './annotations.ts';
import { spanHref } from './span-links.ts';
import { spanTitle } from './span-title.ts';
import type { TimelineSpan, TimeUnit } from './timeline-spans.ts';

const texts = t.overview.timeline;

/** What a chart of renewals shows: what has ended, what is due, or both and the time between them. */
type Shown = 'done' | 'due' | 'all';

export interface TimelineChartProps {
  readonly spans: readonly TimelineSpan[];
  readonly unit: TimeUnit;
  readonly stepMs: number;
  readonly shown: Shown;
  /** The volumes of the chart, as a filter of their table. */
  readonly filter: Readonly<Record<string, string>>;
  /** The text alternative. */
  readonly text: string;
  readonly annotations: readonly Annotation[];
  readonly onSelect: (fromMs: number, toMs: number) => void;
}

/** Renewals over time, with the actions of operators. A click on a bar leads to its volumes. */
export function TimelineChart(props: TimelineChartProps): JSX.Element {
  const { spans, unit, stepMs, shown, filter, text, annotations, onSelect } = props;
  const { router, serverClock, times } = useServices();
  const { zone } = useStore(times.chosen);
  const [hovered, setHovered] = useState<number | undefined>(undefined);
  const series = useMemo(() => seriesOf(spans, shown), [spans, shown]);
  const from = useMemo(() => spans.map(({ fromMs }) => fromMs / 1000), [spans]);
  const ofSpan = useMemo(
    () =>
      bySpan(
        annotations,
        from.map((seconds) => seconds * 1000),
        stepMs,
      ),
    [annotations, from],
  );
  const span = hovered === undefined ? undefined : spans[hovered];
  const open = (index: number): void => {
    const picked = spans[index];
    const href = picked && spanHref(picked, stepMs, filter);
    if (href !== undefined) router.go(href);
  };
  return (
    <>
      <p class="readout" aria-hidden="true">
        {span === undefined ? (
          <Legend shown={shown} />
        ) : (
          <Readout span={span} unit={unit} zone={zone} actions={ofSpan.get(span.fromMs) ?? []} />
        )}
      </p>
      <BarChart
        label={text}
        from={from}
        series={series}
        markAt={shown === 'all' ? serverClock.now() / 1000 : undefined}
        notes={annotations.map(({ atMs }) => atMs / 1000)}
        onHover={setHovered}
        onSelect={(low, high) => onSelect(low * 1000, high * 1000)}
        onPick={open}
      />
      <p class="dim small">{text}</p>
    </>
  );
}

function seriesOf(spans: readonly TimelineSpan[], shown: Shown) {
  const due = { title: texts.legend.due, color: '--due-bar', values: spans.map(({ due: count }) => count) };
  if (shown === 'due') return [due];
  return [
    // Failed attempts are stacked on renewals: the sum is drawn first, the renewals over it.
    {
      title: texts.legend.failed,
      color: '--failing',
      values: spans.map(({ renewed, failed }) => (renewed === null ? null : renewed + (failed ?? 0))),
    },
    { title: texts.legend.renewed, color: '--healthy-bar', values: spans.map(({ renewed }) => renewed) },
    ...(shown === 'all' ? [due] : []),
  ];
}

function Legend({ shown }: { readonly shown: Shown }): JSX.Element {
  return (
    <>
      {shown !== 'due' && (
        <>
          <span class="key key-renewed">{texts.legend.renewed}</span>
          <span class="key key-failed">{texts.legend.failed}</span>
        </>
      )}
      {shown !== 'done' && <span class="key key-due">{texts.legend.due}</span>}
      {shown === 'all' && <span class="key key-now">{texts.legend.now}</span>}
      {shown !== 'due' && <span class="key key-action">{texts.legend.action}</span>}
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
