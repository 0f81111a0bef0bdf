import { useMemo } from 'preact/hooks';
import type { VolumePage } from '@certfleet/operator-api/volumes.ts';
import { usePlace, useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { useResource } from '../live/use-resource.ts';
import type { Resource } from '../live/use-resource.ts';
import type { Location } from '../routing/router.ts';
import { isColumn } from './column-names.ts';
import { formatVolumesView, pageQuery, parseVolumesView } from './volumes-view.ts';
import type { TablePath, VolumesView } from './volumes-view.ts';

/** The table of an address, its rows, and page navigation. */
export interface VolumesTable {
  readonly view: VolumesView;
  readonly rows: Resource<VolumePage>;
  readonly show: (view: VolumesView, isTyping?: boolean) => void;
  readonly goNext: (() => void) | undefined;
  readonly goBack: (() => void) | undefined;
}

/** The table of volumes behind the address bar. */
export function useVolumes(path: TablePath): VolumesTable {
  const { api, router, serverClock, tables } = useServices();
  const remembered = useStore(tables.remembered).columns[path];
  const place = usePlace();
  const view = useMemo(
    () => parseVolumesView(place.search, path, remembered?.filter(isColumn)),
    [place.search, remembered],
  );
  const rows = useResource<VolumePage>({
    key: `volumes:${pageQuery(view, 0).toString()}`,
    load: (signal) => api.volumes(pageQuery(view, serverClock.now()), signal),
    kinds: ['volumes', 'lanes'],
  });
  const { next, previous } = rows.data ?? {};
  const goTo = (change: Pick<VolumesView, 'after' | 'before'>): void => {
    router.go(formatVolumesView({ ...view, ...change }));
    window.scrollTo(0, 0);
  };
  return {
    view,
    rows,
    show: (changed, isTyping = false) => router.go(formatVolumesView(changed), typingEntry(place, isTyping)),
    goNext: next === undefined ? undefined : () => goTo({ after: next, before: undefined }),
    goBack: previous === undefined ? undefined : () => goTo({ after: undefined, before: previous }),
  };
}

/** A changed filter is a new entry of the history; the keys typed after each other in the search are one entry. */
function typingEntry({ state }: Location, isTyping: boolean): { replace: boolean; state: unknown } {
  const wasTyping = (state as { readonly isTyping?: boolean } | null)?.isTyping === true;
  return { replace: isTyping && wasTyping, state: isTyping ? { isTyping } : null };
}
