import {
  podCertificateGroupKeys,
  podCertificateRisks,
  podCertificateSorts,
  podCertificateStates,
} from '@certfleet/operator-api/vocabulary.ts';
import type { PodCertificateGroupKey, PodCertificateState } from '@certfleet/operator-api/vocabulary.ts';
import { resolveTime } from '../volumes/volumes-view.ts';
import { defaultPodCertificateColumns, isPodCertificateColumn } from './pod-certificate-column-names.ts';
import type { PodCertificateColumn } from './pod-certificate-column-names.ts';

/** All filters except the states, named as in the API. `expiresBefore` is a length from now such as `24h`, or RFC 3339. */
const textFilters = ['search', 'namespace', 'pod', 'workload', 'node', 'signer', 'risk', 'expiresBefore'] as const;
export type PodCertificateFilter = (typeof textFilters)[number];
type PodCertificateSort = (typeof podCertificateSorts)[number];

/** The content of the address of the table of pod certificates. */
export interface PodCertificatesView {
  /** Shows groups with counts instead of rows. */
  readonly group: PodCertificateGroupKey | undefined;
  readonly filters: Readonly<Partial<Record<PodCertificateFilter, string>>>;
  readonly states: readonly PodCertificateState[];
  readonly sort: PodCertificateSort;
  readonly order: 'asc' | 'desc';
  readonly columns: readonly PodCertificateColumn[];
  /** Cursor of the page; undefined on the first. */
  readonly after: string | undefined;
  /** Parts of the address that this page does not understand. */
  readonly problems: readonly string[];
}

const path = '/pod-certificates';
const pageSize = '100';

/** @param remembered the columns of an address that names none */
export function parsePodCertificatesView(
  search: string,
  remembered: readonly PodCertificateColumn[] = defaultPodCertificateColumns,
): PodCertificatesView {
  const query = new URLSearchParams(search);
  const filters = textFilters.flatMap((name) => {
    const value = query.get(name)?.trim() ?? '';
    return value === '' ? [] : [[name, value] as const];
  });
  const states = statesOf(query.get('state') ?? '');
  const columns = query.get('columns')?.split(',').filter(isPodCertificateColumn) ?? [];
  return {
    group: podCertificateGroupOf(query.get('group') ?? ''),
    filters: Object.fromEntries(filters),
    states: podCertificateStates.filter((state) => states.includes(state)),
    sort: podCertificateSorts.find((sort) => sort === query.get('sort')) ?? 'expires',
    order: query.get('order') === 'desc' ? 'desc' : 'asc',
    columns: columns.length === 0 ? remembered : columns,
    after: query.get('after') ?? undefined,
    problems: [...query].flatMap(([name, value]) => (isUsable(name, value) ? [] : [`${name}=${value}`])),
  };
}

/** The property with this name. */
export const podCertificateGroupOf = (text: string): PodCertificateGroupKey | undefined =>
  podCertificateGroupKeys.find((key) => key === text);

const statesOf = (text: string): readonly string[] => text.split(',').filter((state) => state !== '');

function isUsable(name: string, value: string): boolean {
  const isKnown = (words: readonly string[], word: string): boolean => words.includes(word);
  switch (name) {
    case 'after':
    case 'columns':
      return true;
    case 'state':
      return statesOf(value).every((state) => isKnown(podCertificateStates, state));
    case 'risk':
      return (
        ['any', 'none', ''].includes(value) || value.split(',').every((risk) => isKnown(podCertificateRisks, risk))
      );
    case 'group':
      return podCertificateGroupOf(value) !== undefined;
    case 'expiresBefore':
      return value === '' || resolveTime(value, 0) !== undefined;
    case 'sort':
      return isKnown(podCertificateSorts, value);
    case 'order':
      return isKnown(['asc', 'desc'], value);
    default:
      return isKnown(textFilters, name);
  }
}

type Shown = Omit<PodCertificatesView, 'problems'>;

/** The address of a view. */
export function formatPodCertificatesView(view: Shown): string {
  const { group, sort, order, columns, after } = view;
  const query = new URLSearchParams(filterOf(view));
  if (sort !== 'expires') query.set('sort', sort);
  if (order !== 'asc') query.set('order', order);
  if (group !== undefined) query.set('group', group);
  if (columns.join() !== defaultPodCertificateColumns.join()) query.set('columns', columns.join());
  if (after !== undefined) query.set('after', after);
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** The query of the rows for the API. */
export function podCertificatesQuery(view: Shown, nowMs: number): URLSearchParams {
  const { sort, order, after } = view;
  const query = new URLSearchParams({ ...apiFilter(view, nowMs), sort, order, limit: pageSize });
  if (after !== undefined) query.set('after', after);
  return query;
}

const groupLimit = '500';

/** The query of the groups for the API. */
export function podCertificateGroupQuery(
  view: Shown,
  by: PodCertificateGroupKey,
  sort: string,
  nowMs: number,
): URLSearchParams {
  return new URLSearchParams({ ...apiFilter(view, nowMs), by, sort, limit: groupLimit });
}

/** The filters for the API, with a length from now as a time. */
function apiFilter(view: Shown, nowMs: number): Readonly<Record<string, string>> {
  const { expiresBefore, ...others } = filterOf(view);
  const limit = expiresBefore === undefined ? undefined : resolveTime(expiresBefore, nowMs);
  return { ...others, ...(limit !== undefined && { expiresBefore: limit }) };
}

/** In the order of the address. */
function filterOf({ filters, states }: Shown): Readonly<Record<string, string>> {
  const given = textFilters.flatMap((name) => {
    const value = filters[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(given), ...(states.length > 0 && { state: states.join(',') }) };
}

/** The rows of one group; undefined if no filter finds them. */
export function ofPodCertificateGroup(
  view: PodCertificatesView,
  by: PodCertificateGroupKey,
  value: string,
): PodCertificatesView | undefined {
  const all = { ...view, group: undefined, after: undefined };
  if (by === 'state') return { ...all, states: podCertificateStates.filter((state) => state === value) };
  if (by === 'risk') return withPodCertificateFilter(all, 'risk', value === '' ? 'none' : value);
  return value === '' ? undefined : withPodCertificateFilter(all, by, value);
}

/** The view with one filter set, or without it when the text is empty; from its first page. */
export function withPodCertificateFilter(
  view: PodCertificatesView,
  name: PodCertificateFilter,
  value: string,
): PodCertificatesView {
  const others = Object.entries(view.filters).filter(([each]) => each !== name);
  const filters = Object.fromEntries(value === '' ? others : [...others, [name, value]]);
  return { ...view, filters, after: undefined, problems: [] };
}

/** The view with a state added or removed; from its first page. */
export function withToggledState(view: PodCertificatesView, state: PodCertificateState): PodCertificatesView {
  const states = view.states.includes(state) ? view.states.filter((each) => each !== state) : [...view.states, state];
  const inOrder = podCertificateStates.filter((each) => states.includes(each));
  return { ...view, states: inOrder, after: undefined, problems: [] };
}

/** The view sorted by a column; the other way round if it is already. */
export function withSort(view: PodCertificatesView, by: string): PodCertificatesView {
  const sort = podCertificateSorts.find((each) => each === by) ?? view.sort;
  const order = sort === view.sort && view.order === 'asc' ? 'desc' : 'asc';
  return { ...view, sort, order, after: undefined, problems: [] };
}
