import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { LaneHistory } from '@certfleet/operator-api/lanes.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { ActionList, actionsWithin } from '../charts/action-marks.tsx';
import { useActions } from '../charts/use-actions.ts';
import { useZoom } from '../charts/use-zoom.tsx';
import { useResource } from '../live/use-resource.ts';
import { format, t } from '../messages/messages.ts';
import { issuedHref } from '../overview/span-links.ts';
import { TimelineChart } from '../overview/timeline-chart.tsx';
import type { TimelineSpan } from '../overview/timeline-spans.ts';
import { shortDuration } from '../time/relative-time.ts';
import { Loaded } from '../ui/notice.tsx';

const texts = t.lanes.history;

export interface LaneHistoryProps {
  readonly id: string;
  /** Key of the issuer. */
  readonly issuer: string;
}

/** The renewals of the past two days: success rate, latency, and both by hour. */
export function LaneHistoryPanel({ id, issuer }: LaneHistoryProps): JSX.Element {
  const { api } = useServices();
  const history = useResource<LaneHistory>({
    key: `lane-history:${id}`,
    load: (signal) => api.laneHistory(id, signal),
    kinds: ['volumes'],
  });
  return (
    <section class="panel" aria-labelledby="history">
      <div class="panel-head">
        <h2 id="history">{texts.title}</h2>
      </div>
      <Loaded resource={history}>
        {(data) =>
          data.hours.some(({ renewed, failed }) => renewed + failed > 0) ? (
            <History history={data} issuer={issuer} />
          ) : (
            <p class="dim">{texts.none}</p>
          )
        }
      </Loaded>
    </section>
  );
}

interface LaneSpan extends TimelineSpan {
  readonly p99Ms: number | undefined;
}

function spansOf({ hours }: LaneHistory): readonly LaneSpan[] {
  return hours.map(({ from, renewed, failed, p99Ms }) => ({
    ...{ fromMs: Date.parse(from), renewed, failed, due: null, p99Ms },
  }));
}

interface HistoryProps {
  readonly history: LaneHistory;
  /** Key of the issuer. */
  readonly issuer: string;
}

function History({ history, issuer }: HistoryProps): JSX.Element {
  const audit = useActions(history.hours.length * 3_600_000, issuer);
  const filter = useMemo(() => ({ issuer }), [issuer]);
  const { spans, stepMs, buttons, select } = useZoom(useMemo(() => spansOf(history), [history]));
  const actions = actionsWithin(audit.data, spans[0]?.fromMs ?? 0, spans.length);
  return (
    <>
      <Totals history={history} />
      <div>{buttons}</div>
      <TimelineChart
        spans={spans}
        unit="hours"
        stepMs={stepMs}
        shown="done"
        filter={filter}
        text={texts.byHour(countsOf(spans))}
        annotations={actions}
        onSelect={select}
      />
      <ActionList actions={actions} on={audit} />
      <HourList spans={spans} stepMs={stepMs} filter={filter} />
    </>
  );
}

function countsOf(spans: readonly Pick<TimelineSpan, 'renewed' | 'failed'>[]): string {
  const sum = (name: 'renewed' | 'failed'): number => spans.reduce((total, span) => total + (span[name] ?? 0), 0);
  return texts.counts({ renewed: sum('renewed'), failed: sum('failed') });
}

/** Success and latency of all hours. */
function Totals({ history: { hours, p50Ms, p99Ms } }: { readonly history: LaneHistory }): JSX.Element {
  const renewed = hours.reduce((sum, hour) => sum + hour.renewed, 0);
  const attempts = hours.reduce((sum, hour) => sum + hour.failed, renewed);
  const rate = Math.floor((renewed / attempts) * 1_000) / 10;
  const latency =
    p50Ms === undefined || p99Ms === undefined
      ? texts.noDurations
      : texts.durations({ half: roundedUp(p50Ms), most: roundedUp(p99Ms) });
  return (
    <p class="facts">
      <span>
        {texts.succeeded({
          strong: (text) => <strong>{text}</strong>,
          percent: t.percent.exact(rate),
          counts: countsOf(hours),
        })}
      </span>
      <span>{latency}</span>
    </p>
  );
}

interface HourListProps {
  readonly spans: readonly LaneSpan[];
  readonly stepMs: number;
  readonly filter: Readonly<Record<string, string>>;
}

/** What the chart shows as a list, with links to what is behind its bars. */
function HourList({ spans, stepMs, filter }: HourListProps): JSX.Element {
  const { times } = useServices();
  useStore(times.chosen);
  return (
    <details class="as-table">
      <summary>{texts.hours}</summary>
      <ul class="named">
        {spans.map((span) => {
          const { fromMs, renewed, failed } = span;
          if (!renewed && !failed) return null;
          const text = hourText(span, times.absolute(fromMs));
          return <li key={fromMs}>{renewed ? <a href={issuedHref(fromMs, stepMs, filter)}>{text}</a> : text}</li>;
        })}
      </ul>
    </details>
  );
}

function hourText({ renewed, failed, p99Ms }: LaneSpan, at: string): string {
  const counts = { renewed: renewed ?? 0, failed: failed ?? 0 };
  if (p99Ms === undefined) return texts.hour({ at, ...counts });
  return texts.hourWithDuration({ at, ...counts, most: roundedUp(p99Ms) });
}

/** A bound must not be shown lower than it is. */
function roundedUp(ms: number): string {
  if (ms < 1_000) return t.time.milliseconds(format.number(ms));
  if (ms < 10_000) return t.time.preciseSeconds(format.number(Math.ceil(ms / 100) / 10));
  const unit = ms < 600_000 ? 1_000 : 60_000;
  return shortDuration(Math.ceil(ms / unit) * unit);
}
