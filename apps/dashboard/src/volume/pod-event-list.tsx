import type { JSX } from 'preact';
import type { PodEvents } from '@certfleet/operator-api/certificate.ts';
import type { VolumePath } from '@certfleet/operator-api/volumes.ts';
import { useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { formatCount } from '../ui/count.ts';
import { DataTable } from '../ui/data-table.tsx';
import type { Column } from '../ui/data-table.tsx';
import { Loaded } from '../ui/notice.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';

type PodEvent = PodEvents['events'][number];

const columns: readonly Column<PodEvent>[] = [
  { name: 'at', title: t.fields.time, cell: ({ at }) => <RelativeTime at={at} /> },
  {
    name: 'type',
    title: t.fields.type,
    cell: ({ type }) => <span class={type === 'Warning' ? 'bad' : 'dim'}>{type}</span>,
  },
  { name: 'reason', title: t.fields.reason, cell: ({ reason }) => reason },
  { name: 'message', title: t.fields.message, cell: ({ message }) => <span class="wrap">{message}</span> },
  { name: 'count', title: t.fields.count, isNumber: true, cell: ({ count }) => formatCount(count) },
];

/** The Kubernetes events of the volume's pod. */
export function PodEventList({ node, volumeId }: VolumePath): JSX.Element {
  const { api } = useServices();
  const events = useResource<PodEvents>({
    key: `events:${node}/${volumeId}`,
    load: (signal) => api.podEvents(node, volumeId, signal),
    kinds: [],
    // Each request reaches the API server.
    atLeastEveryMs: 20_000,
    currentForMs: 35_000,
  });
  return (
    <section class="panel" aria-labelledby="events">
      <div class="panel-head">
        <h2 id="events">{t.volume.events.title}</h2>
      </div>
      <Loaded resource={events}>
        {({ events: list, unavailable }) =>
          list.length === 0 ? (
            <p class="dim">{unavailable ?? t.volume.events.none}</p>
          ) : (
            <DataTable
              caption={t.volume.events.caption}
              columns={columns}
              rows={list}
              keyOf={({ at, reason, message }) => `${at} ${reason} ${message}`}
            />
          )
        }
      </Loaded>
    </section>
  );
}
