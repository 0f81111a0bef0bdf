import type { VolumeFilter } from '@certfleet/operator-api/volume-query.ts';
import { FirstPlaces } from './first-places.ts';
import type { FleetView } from './fleet-view.ts';
import { volumeFilter } from './volume-filter.ts';
import { comparePlaces, decodePlace, encodePlace, sortKeys } from './volume-order.ts';
import type { Place, Placed, VolumeSort } from './volume-order.ts';

/** Which rows of the table are wanted, and in which order. */
export interface TableQuery {
  readonly filter: VolumeFilter;
  readonly sort: VolumeSort;
  readonly order: 'asc' | 'desc';
}

/** One page of the table. */
export interface TablePage {
  readonly rows: readonly Placed[];
  /** Matching volumes on all pages. */
  readonly total: number;
  readonly next: string | undefined;
}

const placeOf = ({ key, volume }: Placed): Place => ({ key, node: volume.node, volumeId: volume.volumeId });

/**
 * The page that begins after a cursor. One pass over the view, which allocates for the rows of the page alone; a page
 * goes on where the one before ended, whatever came or went in between.
 * @throws CertfleetError invalid-argument for a cursor that is none
 */
export function tablePage(
  view: FleetView,
  { filter, sort, order }: TableQuery,
  { limit, after, nowMs }: { readonly limit: number; readonly after: string | undefined; readonly nowMs: number },
): TablePage {
  const sign = order === 'asc' ? 1 : -1;
  const keyOf = sortKeys[sort];
  const isMeant = volumeFilter(filter);
  const begin = after === undefined ? undefined : decodePlace(after);
  // One more than the page, which tells that there is another.
  const first = new FirstPlaces<Placed>(limit + 1, (a, b) => comparePlaced(a, b, sign));
  let total = 0;
  view.scan(nowMs, filter.node, (volume, word) => {
    if (!isMeant(volume, word)) return;
    total += 1;
    const key = keyOf(volume, word);
    const bar = first.bar;
    // Most rows are past the page: the key alone tells, before anything is made for them.
    if (bar !== undefined && (sign === 1 ? key > bar.key : key < bar.key)) return;
    if (begin !== undefined && comparePlaces({ key, node: volume.node, volumeId: volume.volumeId }, begin, sign) <= 0)
      return;
    first.offer({ key, volume, word });
  });
  const found = first.sorted();
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  const next = found.length > limit && last !== undefined ? encodePlace(placeOf(last)) : undefined;
  return { rows, total, next };
}

/** Every row, in order. */
export function tableRows(view: FleetView, { filter, sort, order }: TableQuery, nowMs: number): readonly Placed[] {
  const sign = order === 'asc' ? 1 : -1;
  const keyOf = sortKeys[sort];
  const isMeant = volumeFilter(filter);
  const rows: Placed[] = [];
  view.scan(nowMs, filter.node, (volume, word) => {
    if (isMeant(volume, word)) rows.push({ key: keyOf(volume, word), volume, word });
  });
  return rows.sort((a, b) => comparePlaced(a, b, sign));
}

function comparePlaced(a: Placed, b: Placed, sign: 1 | -1): number {
  if (a.key !== b.key) return a.key < b.key ? -sign : sign;
  return comparePlaces(placeOf(a), placeOf(b), sign);
}
