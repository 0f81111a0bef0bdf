import type { VolumeFilter } from '@certfleet/operator-api/volume-query.ts';
import { TopN } from './top-n.ts';
import type { FleetView } from '../view/fleet-view.ts';
import { volumeFilter } from './volume-filter.ts';
import { compareCursors, decodeCursor, encodeCursor, sortKeys } from './volume-order.ts';
import type { PageCursor, SortedVolume, VolumeSort } from './volume-order.ts';

/** The rows of the table to return, and their order. */
export interface TableQuery {
  readonly filter: VolumeFilter;
  readonly sort: VolumeSort;
  readonly order: 'asc' | 'desc';
}

/** One page of the table. */
export interface TablePage {
  readonly rows: readonly SortedVolume[];
  /** Number of matching volumes on all pages. */
  readonly total: number;
  readonly next: string | undefined;
}

const placeOf = ({ key, volume }: SortedVolume): PageCursor => ({ key, node: volume.node, volumeId: volume.volumeId });

/**
 * The page that begins after a cursor, in one pass over the view that allocates only for the rows of the page. Pages
 * stay consistent when volumes are added or removed between requests.
 * @throws CertfleetError invalid-argument if the cursor is malformed
 */
export function tablePage(
  view: FleetView,
  { filter, sort, order }: TableQuery,
  { limit, after, nowMs }: { readonly limit: number; readonly after: string | undefined; readonly nowMs: number },
): TablePage {
  const sign = order === 'asc' ? 1 : -1;
  const keyOf = sortKeys[sort];
  const matches = volumeFilter(filter);
  const begin = after === undefined ? undefined : decodeCursor(after);
  // One more than the page, to detect a following page.
  const first = new TopN<SortedVolume>(limit + 1, (a, b) => compareSorted(a, b, sign));
  let total = 0;
  view.scan(nowMs, filter.node, (volume, status) => {
    if (!matches(volume, status)) return;
    total += 1;
    const key = keyOf(volume, status);
    const bar = first.bar;
    // Most rows are beyond the page: comparing the key avoids an allocation for them.
    if (bar !== undefined && (sign === 1 ? key > bar.key : key < bar.key)) return;
    if (begin !== undefined && compareCursors({ key, node: volume.node, volumeId: volume.volumeId }, begin, sign) <= 0)
      return;
    first.offer({ key, volume, status });
  });
  const found = first.sorted();
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  const next = found.length > limit && last !== undefined ? encodeCursor(placeOf(last)) : undefined;
  return { rows, total, next };
}

export function tableRows(
  view: FleetView,
  { filter, sort, order }: TableQuery,
  nowMs: number,
): readonly SortedVolume[] {
  const sign = order === 'asc' ? 1 : -1;
  const keyOf = sortKeys[sort];
  const matches = volumeFilter(filter);
  const rows: SortedVolume[] = [];
  view.scan(nowMs, filter.node, (volume, status) => {
    if (matches(volume, status)) rows.push({ key: keyOf(volume, status), volume, status });
  });
  return rows.sort((a, b) => compareSorted(a, b, sign));
}

function compareSorted(a: SortedVolume, b: SortedVolume, sign: 1 | -1): number {
  if (a.key !== b.key) return a.key < b.key ? -sign : sign;
  return compareCursors(placeOf(a), placeOf(b), sign);
}
