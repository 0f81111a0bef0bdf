import type { JSX } from 'preact';
import type { VolumePage } from '@certfleet/operator-api/volumes.ts';
import { useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { volumesHref } from '../routing/route.ts';
import { DataTable } from '../ui/data-table.tsx';
import { Empty, Loaded } from '../ui/notice.tsx';
import type { ColumnName } from './column-names.ts';
import { volumeColumns } from './columns.tsx';
import { keyOfVolume } from './selection.ts';

const columns: readonly ColumnName[] = ['pod', 'namespace', 'node', 'issuer', 'expires', 'renews', 'state', 'error'];

export interface VolumeListProps {
  readonly title: string;
  readonly filter: Readonly<Record<string, string>>;
}

/** The next renewals of a lane or node. */
export function VolumeList({ title, filter }: VolumeListProps): JSX.Element {
  const { api } = useServices();
  const query = new URLSearchParams({ ...filter, sort: 'renews', order: 'asc', limit: '15' });
  const rows = useResource<VolumePage>({
    key: `volumes:${query.toString()}`,
    load: (signal) => api.volumes(query, signal),
    kinds: ['volumes', 'lanes'],
  });
  return (
    <section class="panel" aria-label={title}>
      <div class="panel-head">
        <h2>{title}</h2>
        {rows.data && <a href={volumesHref(filter)}>{t.common.all(rows.data.total)}</a>}
      </div>
      <Loaded resource={rows}>
        {(page) =>
          page.volumes.length === 0 ? (
            <Empty title={t.volumes.noVolumes} />
          ) : (
            <DataTable
              caption={title}
              columns={columns
                .filter((name) => !(name in filter))
                .map((name) => ({ ...volumeColumns[name], name, isSortable: false }))}
              rows={page.volumes}
              keyOf={keyOfVolume}
            />
          )
        }
      </Loaded>
    </section>
  );
}
