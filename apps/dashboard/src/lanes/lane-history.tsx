import type { ComponentChildren, JSX } from 'preact';
import type { LaneHistory } from '@certfleet/operator-api/lanes.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { ActionLines, ActionList, actionsWithin } from '../charts/action-marks.tsx';
import { useActions } from '../charts/use-actions.ts';
import { useResource } from '../live/use-resource.ts';
import { format, t } from '../messages/messages.ts';
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
      <Loaded resource={history}>{(data) => <History history={data} issuer={issuer} />}</Loaded>
    </section>
  );
}

function History({ history, issuer }: { readonly history: LaneHistory; readonly issuer: string }): JSX.Element {
  const { times } = useServices();
  useStore(times.chosen);
  const audit = useActions(history.hours.length * 3_600_000, issuer);
  const { hours, p50Ms, p99Ms } = history;
  const renewed = hours.reduce((sum, hour) => sum + hour.renewed, 0);
  const failed = hours.reduce((sum, hour) => sum + hour.failed, 0);
  const attempts = renewed + failed;
  if (attempts === 0) return <p class="dim">{texts.none}</p>;
  const fromMs = Date.parse(hours[0]?.from ?? '');
  const actions = actionsWithin(audit.data, fromMs, hours.length);
  const counts = texts.counts({ renewed, failed });
  const rate = Math.floor((renewed / attempts) * 1_000) / 10;
  const latency =
    p50Ms === undefined || p99Ms === undefined
      ? texts.noDurations
      : texts.durations({ half: roundedUp(p50Ms), most: roundedUp(p99Ms) });
  return (
    <>
      <p class="facts">
        <span>
          {texts.succeeded({ strong: (text) => <strong>{text}</strong>, percent: t.percent.exact(rate), counts })}
        </span>
        <span>{latency}</span>
      </p>
      <Sparkline history={history} label={texts.byHour(counts)}>
        <ActionLines actions={actions} fromMs={fromMs} height={height} />
      </Sparkline>
      <ActionList actions={actions} on={audit} />
      <details class="as-table">
        <summary>{texts.hours}</summary>
        <ul class="named">
          {hours
            .filter((hour) => hour.renewed + hour.failed > 0)
            .map((hour) => (
              <li key={hour.from}>{hourText(hour, times.absolute(Date.parse(hour.from)))}</li>
            ))}
        </ul>
      </details>
    </>
  );
}

function hourText({ renewed, failed, p99Ms }: LaneHistory['hours'][number], at: string): string {
  if (p99Ms === undefined) return texts.hour({ at, renewed, failed });
  return texts.hourWithDuration({ at, renewed, failed, most: roundedUp(p99Ms) });
}

/** A bound must not be shown lower than it is. */
function roundedUp(ms: number): string {
  if (ms < 1_000) return t.time.milliseconds(format.number(ms));
  if (ms < 10_000) return t.time.preciseSeconds(format.number(Math.ceil(ms / 100) / 10));
  const unit = ms < 600_000 ? 1_000 : 60_000;
  return shortDuration(Math.ceil(ms / unit) * unit);
}

const height = 32;

/** One bar per hour: failed attempts are stacked on renewals. */
function Sparkline({
  history: { hours },
  label,
  children,
}: {
  readonly history: LaneHistory;
  readonly label: string;
  /** Marks over the bars. */
  readonly children: ComponentChildren;
}): JSX.Element {
  const most = Math.max(1, ...hours.map(({ renewed, failed }) => renewed + failed));
  const heightOf = (count: number): number => (count === 0 ? 0 : Math.max(1, (count / most) * height));
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${hours.length} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {hours.map(({ from, renewed, failed }, x) => {
        const done = heightOf(renewed);
        const bad = Math.min(height - done, heightOf(failed));
        return (
          <g key={from}>
            <rect class="fill-healthy" x={x} width="0.8" y={height - done} height={done} />
            <rect class="fill-failing" x={x} width="0.8" y={height - done - bad} height={bad} />
          </g>
        );
      })}
      {children}
    </svg>
  );
}
