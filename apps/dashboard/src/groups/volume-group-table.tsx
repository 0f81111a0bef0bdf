import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { VolumeGroups } from '@certfleet/operator-api/volumes.ts';
import { useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { issuerParts } from '../ui/issuer-name.tsx';
import { Loaded } from '../ui/notice.tsx';
import { formatVolumesView, groupQuery, ofGroup } from '../volumes/volumes-view.ts';
import type { GroupKey, VolumesView } from '../volumes/volumes-view.ts';
import { GroupTable } from './group-table.tsx';
import type { GroupName, GroupTexts } from './group-table.tsx';
import { groupCaption, groupName, groupTitle } from './group-texts.ts';

export interface VolumeGroupTableProps {
  readonly view: VolumesView;
  readonly by: GroupKey;
}

/** The groups of the volumes of a table. */
export function VolumeGroupTable({ view, by }: VolumeGroupTableProps): JSX.Element {
  const { api, serverClock } = useServices();
  const [sort, setSort] = useState(view.path === '/at-risk' ? 'expires' : 'count');
  const groups = useResource<VolumeGroups>({
    key: `groups:${groupQuery(view, by, sort, 0).toString()}`,
    load: (signal) => api.groups(groupQuery(view, by, sort, serverClock.now()), signal),
    kinds: ['volumes', 'lanes', 'nodes'],
  });
  return (
    <Loaded resource={groups} keepsPrevious>
      {(found) => (
        <GroupTable
          groups={found.groups}
          texts={textsOf(by, found)}
          sort={sort}
          onSort={setSort}
          isBusy={groups.data === undefined}
          nameOf={(value) => nameOf(view, by, value)}
        />
      )}
    </Loaded>
  );
}

function textsOf(by: GroupKey, { volumes, total, groups: { length: shown } }: VolumeGroups): GroupTexts {
  const counts = { volumes, groups: total };
  return {
    caption: groupCaption(by),
    property: groupTitle(by),
    rows: t.fields.volumes,
    total: total > shown ? t.groups.totalOfFirst({ ...counts, shown }) : t.groups.total(counts),
  };
}

function nameOf(view: VolumesView, by: GroupKey, value: string): GroupName {
  const name = groupName(by, value);
  const target = ofGroup(view, by, value);
  const href = target && formatVolumesView(target);
  if (by !== 'issuer') return { name, href, isCode: by === 'ca' };
  const { namespace, name: issuer } = issuerParts(value);
  return { name, href, text: namespace === '' ? issuer : `${namespace}/${issuer}` };
}
