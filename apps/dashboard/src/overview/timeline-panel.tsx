import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { Timeline } from '@certfleet/operator-api/timeline.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { ActionsNotice } from '../charts/action-marks.tsx';
import { useActions } from '../charts/use-actions.ts';
import { useZoom } from '../charts/use-zoom.tsx';
import { t } from '../messages/messages.ts';
import { annotationsOf, bySpan } from './annotations.ts';
import { TimelineChart } from './timeline-chart.tsx';
import { daySpans, hourSpans } from './timeline-spans.ts';
import type { TimeUnit } from './timeline-spans.ts';
import { TimelineTable } from './timeline-table.tsx';

const texts = t.overview.timeline;

/** How far the chart goes back. */
const pastMs = 48 * 3_600_000;

/** Renewals of the past two days and the next, and the actions of operators: by hour, or by day for a month. */
export function TimelinePanel({ timeline }: { readonly timeline: Timeline }): JSX.Element {
  const { times } = useServices();
  const { zone } = useStore(times.chosen);
  const [unit, setUnit] = useState<TimeUnit>('hours');
  const [isTabular, setTabular] = useState(false);
  const all = useMemo(() => (unit === 'hours' ? hourSpans(timeline) : daySpans(timeline)), [timeline, unit]);
  const { spans, stepMs, buttons, select, reset } = useZoom(all);
  const audit = useActions(pastMs);
  const annotations = useMemo(
    () => (audit.data === undefined || unit === 'days' ? [] : annotationsOf(audit.data)),
    [audit.data, unit],
  );
  const starts = spans.map(({ fromMs }) => fromMs);
  return (
    <section class="panel" aria-labelledby="timeline">
      <div class="panel-head">
        <h2 id="timeline">{texts.title}</h2>
        {buttons}
        <UnitButtons
          unit={unit}
          onSet={(each) => {
            setUnit(each);
            reset();
          }}
        />
      </div>
      <TimelineChart
        spans={spans}
        unit={unit}
        stepMs={stepMs}
        shown={unit === 'hours' ? 'all' : 'due'}
        filter={noFilter}
        text={summaryOf(timeline)}
        annotations={annotations}
        onSelect={select}
      />
      <details class="as-table" onToggle={({ currentTarget }) => setTabular(currentTarget.open)}>
        <summary>{texts.asTable}</summary>
        {isTabular && (
          <TimelineTable
            spans={spans}
            unit={unit}
            stepMs={stepMs}
            zone={zone}
            annotations={bySpan(annotations, starts, stepMs)}
          />
        )}
      </details>
      <ActionsNotice on={audit} />
    </section>
  );
}

const noFilter = {};

interface UnitButtonsProps {
  readonly unit: TimeUnit;
  readonly onSet: (unit: TimeUnit) => void;
}

function UnitButtons({ unit, onSet }: UnitButtonsProps): JSX.Element {
  return (
    <div class="segments" role="group" aria-label={texts.unit}>
      {(['hours', 'days'] as const).map((each) => (
        <button type="button" key={each} aria-pressed={unit === each} onClick={() => onSet(each)}>
          {texts[each]}
        </button>
      ))}
    </div>
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
