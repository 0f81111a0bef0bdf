import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { VolumeGroups } from '@certfleet/operator-api/volumes.ts';
import { useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { formatCount } from '../ui/count.ts';
import { DataTable } from '../ui/data-table.tsx';
import type { Column } from '../ui/data-table.tsx';
import { issuerParts } from '../ui/issuer-name.tsx';
import { Empty, Loaded } from '../ui/notice.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { formatVolumesView, groupQuery, ofGroup } from '../volumes/volumes-view.ts';
import type { GroupKey, VolumesView } from '../volumes/volumes-view.ts';
import { groupCaption, groupName, groupTitle } from './group-texts.ts';

type Group = VolumeGroups['groups'][number];

export interface GroupTableProps {
  readonly view: VolumesView;
  readonly by: GroupKey;
}

/** The groups of the volumes of a table; each leads to its volumes. */
export function GroupTable({ view, by }: GroupTableProps): JSX.Element {
  const { api, serverClock } = useServices();
  const [sort, setSort] = useState(view.path === '/at-risk' ? 'expires' : 'count');
  const groups = useResource<VolumeGroups>({
    key: `groups:${groupQuery(view, by, sort, 0).toString()}`,
    load: (signal) => api.groups(groupQuery(view, by, sort, serverClock.now()), signal),
    kinds: ['volumes', 'lanes', 'nodes'],
  });
  const order = sort === 'count' || sort === 'at-risk' ? 'desc' : 'asc';
  return (
    <Loaded resource={groups} keepsPrevious>
      {(found) =>
        found.groups.length === 0 ? (
          <Empty title={t.common.noResults} />
        ) : (
          <>
            <DataTable
              caption={groupCaption(by)}
              columns={columnsOf(view, by)}
              rows={found.groups}
              keyOf={({ value }) => value}
              sorting={{ by: sort, order, onSort: setSort }}
              isBusy={groups.data === undefined}
            />
            <p class="pager">
              <span class="dim">{totalText(found)}</span>
            </p>
          </>
        )
      }
    </Loaded>
  );
}

function totalText({ volumes, total, groups: { length: shown } }: VolumeGroups): string {
  const counts = { volumes, groups: total };
  return total > shown ? t.groups.totalOfFirst({ ...counts, shown }) : t.groups.total(counts);
}

function columnsOf(view: VolumesView, by: GroupKey): readonly Column<Group>[] {
  return [
    { name: 'value', title: groupTitle(by), isSortable: true, cell: (group) => nameCell(view, by, group) },
    {
      name: 'count',
      title: t.fields.volumes,
      isSortable: true,
      isNumber: true,
      cell: ({ count }) => formatCount(count),
    },
    {
      name: 'at-risk',
      title: t.fields.atRisk,
      isSortable: true,
      isNumber: true,
      cell: ({ atRisk }) => <span class={atRisk > 0 ? 'bad' : 'none'}>{formatCount(atRisk)}</span>,
    },
    {
      name: 'expires',
      title: t.fields.soonestExpiry,
      isSortable: true,
      isNumber: true,
      cell: ({ soonestExpiry }) => <RelativeTime at={soonestExpiry} />,
    },
  ];
}

function nameCell(view: VolumesView, by: GroupKey, { value }: Group): JSX.Element {
  const name = groupName(by, value);
  const target = ofGroup(view, by, value);
  if (target === undefined) return <span class="dim">{name}</span>;
  const { namespace, name: issuer } = issuerParts(value);
  const text = by !== 'issuer' ? name : namespace === '' ? issuer : `${namespace}/${issuer}`;
  return (
    <a class={by === 'ca' ? 'cut mono' : 'cut'} href={formatVolumesView(target)} title={name}>
      {text}
    </a>
  );
}
