import type { VolumeFilter } from '@certfleet/operator-api/volume-query.ts';
import { TopN } from './top-n.ts';
import type { FleetView } from '../view/fleet-view.ts';
import { exactName } from './name-pattern.ts';
import { bothCriteria, volumeFilter } from './volume-filter.ts';
import type { VolumeCriterion } from './volume-filter.ts';
import { compareCursors, decodeCursor, encodeCursor, sortKeys } from './volume-order.ts';
import type { PageCursor, SortedVolume, VolumeSort } from './volume-order.ts';

/** The rows of the table to return, and their order. */
export interface TableQuery {
  readonly filter: VolumeFilter;
  /** A further criterion, which depends on more than the index. */
  readonly isWanted?: VolumeCriterion | undefined;
  readonly sort: VolumeSort;
  readonly order: 'asc' | 'desc';
}

export interface TablePage {
  readonly rows: readonly SortedVolume[];
  /** Number of matching volumes on all pages. */
  readonly total: number;
  /** Number of matching volumes before the first of this page. */
  readonly offset: number;
  readonly next: string | undefined;
  /** Cursor of the first row, if rows may precede it. */
  readonly previous: string | undefined;
}

/** Which rows of the table; at most one of `after` and `before`. */
export interface PageRequest {
  readonly limit: number;
  readonly after?: string | undefined;
  readonly before?: string | undefined;
  readonly nowMs: number;
}

const placeOf = ({ key, volume }: SortedVolume): PageCursor => ({ key, node: volume.node, volumeId: volume.volumeId });

/**
 * The page that begins after a cursor or ends before one, in one pass over the view that allocates only for the rows of the page. Pages
 * stay consistent when volumes are added or removed between requests.
 * @throws CertfleetError invalid-argument if the cursor is malformed
 */
export function tablePage(
  view: FleetView,
  { filter, isWanted, sort, order }: TableQuery,
  { limit, after, before, nowMs }: PageRequest,
): TablePage {
  const sign = order === 'asc' ? 1 : -1;
  const keyOf = sortKeys[sort];
  const matches = bothCriteria(volumeFilter(filter), isWanted);
  // A page before a cursor is the beginning of the reversed table.
  const isReversed = before !== undefined;
  const direction = isReversed ? -1 : 1;
  const isAscending = sign * direction === 1;
  const cursor = before ?? after;
  const begin = cursor === undefined ? undefined : decodeCursor(cursor);
  // One more than the page, to detect a following page.
  const first = new TopN<SortedVolume>(limit + 1, (a, b) => direction * compareSorted(a, b, sign));
  let total = 0;
  let skipped = 0;
  view.scan(nowMs, exactName(filter.node), (volume, status) => {
    if (!matches(volume, status)) return;
    total += 1;
    const key = keyOf(volume, status);
    const bar = first.bar;
    // Most rows are beyond the page: comparing the key avoids an allocation for them.
    if (bar !== undefined && (isAscending ? key > bar.key : key < bar.key)) return;
    if (begin !== undefined) {
      const place = { key, node: volume.node, volumeId: volume.volumeId };
      if (direction * compareCursors(place, begin, sign) <= 0) {
        skipped += 1;
        return;
      }
    }
    first.offer({ key, volume, status });
  });
  const found = first.sorted();
  const rows = isReversed ? found.slice(0, limit).reverse() : found.slice(0, limit);
  const offset = isReversed ? total - skipped - rows.length : skipped;
  return { rows, total, offset, ...cursorsOf(rows, { after, isReversed, hasMore: found.length > limit }) };
}

/** `hasMore`: whether further rows follow in the direction of the request. */
function cursorsOf(
  rows: readonly SortedVolume[],
  request: { readonly after: string | undefined; readonly isReversed: boolean; readonly hasMore: boolean },
): Pick<TablePage, 'next' | 'previous'> {
  const { after, isReversed, hasMore } = request;
  const [first, last] = [rows[0], rows.at(-1)].map((row) => row && encodeCursor(placeOf(row)));
  if (isReversed) return { next: last, previous: hasMore ? first : undefined };
  return { next: hasMore ? last : undefined, previous: after && (first ?? after) };
}

export function tableRows(
  view: FleetView,
  { filter, isWanted, sort, order }: TableQuery,
  nowMs: number,
): readonly SortedVolume[] {
  const sign = order === 'asc' ? 1 : -1;
  const keyOf = sortKeys[sort];
  const matches = bothCriteria(volumeFilter(filter), isWanted);
  const rows: SortedVolume[] = [];
  view.scan(nowMs, exactName(filter.node), (volume, status) => {
    if (matches(volume, status)) rows.push({ key: keyOf(volume, status), volume, status });
  });
  return rows.sort((a, b) => compareSorted(a, b, sign));
}

function compareSorted(a: SortedVolume, b: SortedVolume, sign: 1 | -1): number {
  if (a.key !== b.key) return a.key < b.key ? -sign : sign;
  return compareCursors(placeOf(a), placeOf(b), sign);
}
