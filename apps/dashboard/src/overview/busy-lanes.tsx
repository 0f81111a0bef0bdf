import type { JSX } from 'preact';
import { useServices } from '../app/services.ts';
import { LaneTable } from '../lanes/lane-table.tsx';
import { useResource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { Empty, Loaded } from '../ui/notice.tsx';

const query = new URLSearchParams({ sort: 'waiting', order: 'desc', limit: '8' });

/** The lanes with the most waiting renewals. */
export function BusyLanes(): JSX.Element {
  const { api } = useServices();
  const lanes = useResource({
    key: 'busy-lanes',
    load: (signal) => api.lanes(query, signal),
    kinds: ['lanes', 'volumes'],
    atMostEveryMs: 5_000,
  });
  return (
    <section class="panel" aria-labelledby="lanes">
      <div class="panel-head">
        <h2 id="lanes">{t.overview.lanes.title}</h2>
        {lanes.data && <a href="/lanes">{t.common.all(lanes.data.total)}</a>}
      </div>
      <Loaded resource={lanes}>
        {(page) =>
          page.lanes.length === 0 ? (
            <Empty title={t.overview.lanes.none}>
              <p>{t.overview.lanes.noneText}</p>
            </Empty>
          ) : (
            <LaneTable lanes={page.lanes} />
          )
        }
      </Loaded>
    </section>
  );
}
