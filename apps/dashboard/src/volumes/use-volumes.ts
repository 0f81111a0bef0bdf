import { useMemo } from 'preact/hooks';
import type { Facets, VolumePage } from '@certfleet/operator-api/volumes.ts';
import { usePlace, useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import type { Resource } from '../live/use-resource.ts';
import { formatVolumesView, pageQuery, parseVolumesView } from './volumes-view.ts';
import type { VolumesView } from './volumes-view.ts';

/** The table of an address, its rows, and page navigation. */
export interface VolumesTable {
  readonly view: VolumesView;
  readonly rows: Resource<VolumePage>;
  readonly facets: Facets | undefined;
  readonly show: (view: VolumesView) => void;
  readonly goNext: (() => void) | undefined;
  readonly goBack: (() => void) | undefined;
}

/** Cursors of previous pages, stored in the history entry: a cursor only leads forward. */
interface Before {
  readonly before: readonly string[];
}

/** The table of volumes behind the address bar. */
export function useVolumes(): VolumesTable {
  const { api, router, serverClock } = useServices();
  const place = usePlace();
  const view = useMemo(() => parseVolumesView(place.search), [place.search]);
  const rows = useResource<VolumePage>({
    key: `volumes:${pageQuery(view, 0).toString()}`,
    load: (signal) => api.volumes(pageQuery(view, serverClock.now()), signal),
    kinds: ['volumes', 'lanes'],
  });
  const facets = useResource<Facets>({
    key: 'facets',
    load: (signal) => api.facets('', signal),
    kinds: [],
    atLeastEveryMs: 120_000,
    currentForMs: 150_000,
  });
  const { before = [] } = (place.state as Before | null) ?? {};
  const next = rows.data?.next;
  const goTo = (after: string | undefined, page: number, cursors: readonly string[]): void => {
    router.go(formatVolumesView({ ...view, after, page }), { state: { before: cursors } });
    window.scrollTo(0, 0);
  };
  return {
    view,
    rows,
    facets: facets.data,
    // Typing in the search replaces the history entry instead of adding one per key.
    show: (changed) => router.go(formatVolumesView(changed), { replace: true }),
    goNext: next === undefined ? undefined : () => goTo(next, view.page + 1, [...before, view.after ?? '']),
    goBack:
      view.after === undefined
        ? undefined
        : () => {
            const cursor = before.at(-1) ?? '';
            goTo(cursor === '' ? undefined : cursor, view.page - 1, before.slice(0, -1));
          },
  };
}
