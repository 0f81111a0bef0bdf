import type { JSX } from 'preact';
import type { Issuance } from '@certfleet/operator-api/volumes.ts';
import { DataTable } from '../ui/data-table.tsx';
import type { Column } from '../ui/data-table.tsx';
import { Icon } from '../ui/icon.tsx';
import { Empty } from '../ui/notice.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { issuanceCauseLabels, issuancePathLabels } from './issuance-labels.ts';

const none = <span class="none">–</span>;
const columns: readonly Column<Issuance>[] = [
  { name: 'at', title: 'Time', cell: ({ at }) => <RelativeTime at={at} /> },
  { name: 'result', title: 'Result', cell: ({ result }) => <Result result={result} /> },
  { name: 'generation', title: 'Issuance', isNumber: true, cell: ({ generation }) => generation },
  { name: 'cause', title: 'Cause', cell: ({ cause }) => issuanceCauseLabels[cause] || none },
  { name: 'path', title: 'Triggered by', cell: ({ path }) => issuancePathLabels[path] },
  {
    name: 'duration',
    title: 'Duration',
    isNumber: true,
    cell: ({ durationMs }) => (durationMs === undefined ? none : durationText(durationMs)),
  },
  {
    name: 'error',
    title: 'Error',
    cell: ({ error }) => (error === undefined ? none : <span class="wrap">{error}</span>),
  },
];

/** The last issuances and failed attempts of a volume. */
export function IssuanceHistory({ history }: { readonly history: readonly Issuance[] }): JSX.Element {
  return (
    <section class="panel" aria-labelledby="history">
      <div class="panel-head">
        <h2 id="history">History</h2>
      </div>
      {history.length === 0 ? (
        <Empty title="No issuances since the controller was started" />
      ) : (
        <DataTable
          caption="Issuances of this volume, latest first"
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
      <Icon name="healthy" /> Issued
    </span>
  ) : (
    <span class="state state-failing">
      <Icon name="failing" /> Failed
    </span>
  );
}

const durationText = (ms: number): string => (ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`);
