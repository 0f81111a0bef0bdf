import type { JSX } from 'preact';
import type { Issuance } from '@certfleet/operator-api/volumes.ts';
import { format, t } from '../messages/messages.ts';
import { formatCount } from '../ui/count.ts';
import { DataTable } from '../ui/data-table.tsx';
import type { Column } from '../ui/data-table.tsx';
import { Icon } from '../ui/icon.tsx';
import { Empty } from '../ui/notice.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';

const texts = t.volume.history;
const none = <span class="none">–</span>;
const columns: readonly Column<Issuance>[] = [
  { name: 'at', title: t.fields.time, cell: ({ at }) => <RelativeTime at={at} /> },
  { name: 'result', title: t.fields.result, cell: ({ result }) => <Result result={result} /> },
  { name: 'generation', title: t.fields.issuance, isNumber: true, cell: ({ generation }) => formatCount(generation) },
  { name: 'cause', title: t.fields.cause, cell: ({ cause }) => texts.causes[cause] || none },
  { name: 'path', title: texts.triggeredBy, cell: ({ path }) => texts.paths[path] },
  {
    name: 'duration',
    title: t.fields.duration,
    isNumber: true,
    cell: ({ durationMs }) => (durationMs === undefined ? none : durationText(durationMs)),
  },
  {
    name: 'error',
    title: t.fields.error,
    cell: ({ error }) => (error === undefined ? none : <span class="wrap">{error}</span>),
  },
];

/** The last issuances and failed attempts of a volume. */
export function IssuanceHistory({ history }: { readonly history: readonly Issuance[] }): JSX.Element {
  return (
    <section class="panel" aria-labelledby="history">
      <div class="panel-head">
        <h2 id="history">{texts.title}</h2>
      </div>
      {history.length === 0 ? (
        <Empty title={texts.none} />
      ) : (
        <DataTable
          caption={texts.caption}
          columns={columns}
          rows={history}
          keyOf={({ at, generation, result }) => `${at} ${generation} ${result}`}
        />
      )}
    </section>
  );
}

function Result({ result }: Pick<Issuance, 'result'>): JSX.Element {
  return result === 'issued' ? (
    <span class="state state-healthy">
      <Icon name="healthy" /> {texts.issued}
    </span>
  ) : (
    <span class="state state-failing">
      <Icon name="failing" /> {texts.failed}
    </span>
  );
}

const durationText = (ms: number): string =>
  ms < 1000 ? t.time.milliseconds(formatCount(ms)) : t.time.preciseSeconds(format.digits(ms / 1000, { places: 1 }));
