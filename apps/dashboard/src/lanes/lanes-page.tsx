import type { JSX } from 'preact';
import { laneSorts } from '@certfleet/operator-api/vocabulary.ts';
import { usePlace, useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { Empty, Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { SearchBox } from '../volumes/search-box.tsx';
import { LaneTable } from './lane-table.tsx';

const pageSize = '100';

/** All lanes: searched, sorted and paged by the server, because a fleet may have thousands of issuers. */
export function LanesPage(): JSX.Element {
  const { api, router } = useServices();
  const given = new URLSearchParams(usePlace().search);
  const search = given.get('search') ?? '';
  const sort = laneSorts.find((each) => each === given.get('sort')) ?? 'waiting';
  const order = given.get('order') ?? (sort === 'waiting' ? 'desc' : 'asc');
  const after = given.get('after');
  const query = new URLSearchParams({ sort, order, limit: pageSize });
  for (const name of ['search', 'after', 'state']) {
    const value = given.get(name) ?? '';
    if (value !== '') query.set(name, value);
  }
  const lanes = useResource({
    key: `lanes:${query.toString()}`,
    load: (signal) => api.lanes(query, signal),
    kinds: ['lanes', 'volumes'],
  });
  const go = (change: Readonly<Record<string, string>>): void => {
    const kept = Object.entries({ search, sort, order, ...change }).filter(([, value]) => value !== '');
    router.go(`/lanes?${new URLSearchParams(kept).toString()}`, { replace: change['after'] === undefined });
  };
  const total = lanes.data && t.counts.issuers(lanes.data.total);
  const onSort = (by: string): void => go({ sort: by, order: by === sort && order === 'asc' ? 'desc' : 'asc' });
  return (
    <>
      <PageHead title={t.views.lanes} aside={total && <span class="dim">{total}</span>} />
      <div class="filters">
        <SearchBox label={t.lanes.search} value={search} onSearch={(text) => go({ search: text })} />
      </div>
      <Loaded resource={lanes} keepsPrevious>
        {(page) =>
          page.lanes.length === 0 ? (
            <NoLanes isSearching={search !== ''} />
          ) : (
            <>
              <LaneTable
                lanes={page.lanes}
                sorting={{ by: sort, order: order === 'desc' ? 'desc' : 'asc', onSort }}
                isBusy={lanes.data === undefined}
              />
              <nav class="pager" aria-label={t.common.pages}>
                {after !== null && (
                  <button type="button" onClick={() => go({})}>
                    {t.common.firstPage}
                  </button>
                )}
                {page.next !== undefined && (
                  <button type="button" onClick={() => go({ after: page.next ?? '' })}>
                    {t.common.next}
                  </button>
                )}
              </nav>
            </>
          )
        }
      </Loaded>
    </>
  );
}

function NoLanes({ isSearching }: { readonly isSearching: boolean }): JSX.Element {
  return (
    <Empty title={isSearching ? t.common.noResults : t.overview.lanes.none}>
      <p>{isSearching ? t.lanes.noResultsText : t.overview.lanes.noneText}</p>
    </Empty>
  );
}
