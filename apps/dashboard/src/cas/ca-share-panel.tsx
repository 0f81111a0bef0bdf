import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { CaHistory } from '@certfleet/operator-api/cas.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { ActionLines, ActionList, actionsWithin } from '../charts/action-marks.tsx';
import { useActions } from '../charts/use-actions.ts';
import { useResource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { spanTitle } from '../overview/span-title.ts';
import { volumesHref } from '../routing/route.ts';
import { formatCount } from '../ui/count.ts';
import { DataTable } from '../ui/data-table.tsx';
import { Loaded } from '../ui/notice.tsx';
import { hoursWithin, sharePath, shareText } from './share-lines.ts';
import type { ShareHour } from './share-lines.ts';

const texts = t.cas.share;

const maxHours = 168;
const spans = [
  [texts.hours24, 24],
  [texts.days7, maxHours],
] as const;

/** Which part of the fleet has each CA, by hour. */
export function CaSharePanel(): JSX.Element {
  const { api } = useServices();
  const [wanted, setWanted] = useState<number>(spans[0][1]);
  // Without events: the answer is large, and all but its last hour is the same for an hour.
  const history = useResource<CaHistory>({ key: 'ca-history', load: (signal) => api.caHistory(signal), kinds: [] });
  return (
    <section class="panel share-panel" aria-labelledby="ca-share">
      <div class="panel-head">
        <h2 id="ca-share">{texts.title}</h2>
        <div class="segments" role="group" aria-label={texts.time}>
          {spans.map(([title, hours]) => (
            <button type="button" key={title} aria-pressed={wanted === hours} onClick={() => setWanted(hours)}>
              {title}
            </button>
          ))}
        </div>
      </div>
      <Loaded resource={history}>{(data) => <Shares history={data} wanted={wanted} />}</Loaded>
    </section>
  );
}

interface SharesProps {
  readonly history: CaHistory;
  /** Hours shown. */
  readonly wanted: number;
}

function Shares({ history, wanted }: SharesProps): JSX.Element {
  const { times } = useServices();
  const { zone } = useStore(times.chosen);
  const audit = useActions(maxHours * 3_600_000);
  const hours = hoursWithin(history, wanted);
  const [first, last] = [hours[0], hours.at(-1)];
  if (first === undefined || last === undefined || history.cas.length === 0) return <p class="dim">{texts.none}</p>;
  const lines = history.cas.map((ca, index) => ({
    index,
    fingerprint: ca.fingerprint,
    name: nameOf(ca),
    now: shareText(last.counts[index] ?? 0, last.volumes),
    before: shareText(first.counts[index] ?? 0, first.volumes),
  }));
  const fromMs = last.fromMs - (wanted - 1) * 3_600_000;
  const actions = actionsWithin(audit.data, fromMs, wanted);
  const text = lines.map((line) => texts.line(line)).join(texts.separator);
  return (
    <>
      <ul class="share-keys">
        {lines.map(({ index, fingerprint, name, now }) => (
          <li key={fingerprint}>
            <svg class="share-key" viewBox="0 0 24 4" aria-hidden="true">
              <path class={`share-line share-${index}`} d="M0 2H24" />
            </svg>
            <a href={volumesHref({ caFingerprint: fingerprint })}>{name}</a> <strong>{now}</strong>
          </li>
        ))}
      </ul>
      <ShareChart hours={hours} wanted={wanted} cas={lines.length} label={texts.label(text)}>
        <ActionLines actions={actions} fromMs={fromMs} height={100} />
      </ShareChart>
      <p class="share-axis dim small">
        <span>{spanTitle(fromMs, 'hours', zone)}</span>
        <span>{texts.now}</span>
      </p>
      <ActionList actions={actions} on={audit} />
      <details class="as-table">
        <summary>{texts.asTable}</summary>
        <DataTable
          caption={texts.caption}
          rows={hours.toReversed()}
          keyOf={({ fromMs }) => String(fromMs)}
          columns={[
            { name: 'from', title: texts.hourFrom, cell: ({ fromMs }) => spanTitle(fromMs, 'hours', zone) },
            { name: 'volumes', title: texts.allVolumes, isNumber: true, cell: ({ volumes }) => formatCount(volumes) },
            ...lines.map(({ index, name }) => ({
              name: `share-of-${index}`,
              title: name,
              isNumber: true,
              cell: ({ counts, volumes }: ShareHour) => shareText(counts[index] ?? 0, volumes),
            })),
          ]}
        />
      </details>
    </>
  );
}

/** The subject, or the start of the fingerprint. */
const nameOf = ({ subject, fingerprint }: CaHistory['cas'][number]): string =>
  subject ?? texts.unnamed(fingerprint.slice(0, 8));

interface ShareChartProps {
  readonly hours: readonly ShareHour[];
  readonly wanted: number;
  /** Number of lines. */
  readonly cas: number;
  readonly label: string;
  /** Marks over the lines. */
  readonly children: ComponentChildren;
}

/** One line per CA, from 0 to 100 %. */
function ShareChart({ hours, wanted, cas, label, children }: ShareChartProps): JSX.Element {
  return (
    <div class="share-chart">
      <p class="dim small" aria-hidden="true">
        <span>{t.percent.exact(100)}</span>
        <span>{t.percent.exact(50)}</span>
        <span>{t.percent.exact(0)}</span>
      </p>
      <svg viewBox={`0 -2 ${wanted} 104`} preserveAspectRatio="none" role="img" aria-label={label}>
        <path class="share-grid" d={`M0 0H${wanted}M0 50H${wanted}M0 100H${wanted}`} />
        {Array.from({ length: cas }, (_, index) => (
          <path key={index} class={`share-line share-${index}`} d={sharePath(hours, index, wanted)} />
        ))}
        {children}
      </svg>
    </div>
  );
}
