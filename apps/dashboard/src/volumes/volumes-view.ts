import { volumeStates } from '@certfleet/fleet-model/vocabulary.ts';
import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import { volumeSorts } from '@certfleet/operator-api/vocabulary.ts';
import type { VolumeFilter } from '@certfleet/operator-api/volume-query.ts';
import { fingerprintPattern, normalFingerprint } from '@certfleet/operator-api/fingerprint.ts';
import { parseLength } from '../time/relative-time.ts';
import { defaultColumns, isColumn } from './column-names.ts';
import type { ColumnName } from './column-names.ts';

export type VolumeSort = (typeof volumeSorts)[number];

/** The text filters, named as in the API. */
const textFilters = ['search', 'namespace', 'pod', 'node', 'volumeId', 'issuer', 'caFingerprint', 'served'] as const;
/** The time filters: a length from now such as `24h`, or RFC 3339. */
const timeFilters = ['expiresBefore', 'renewsBefore'] as const;
/** All filters except the states. */
export type FilterName = (typeof textFilters)[number] | (typeof timeFilters)[number];

/** The content of the table's address. */
export interface VolumesView {
  readonly filters: Readonly<Partial<Record<FilterName, string>>>;
  readonly states: readonly VolumeStatus[];
  readonly sort: VolumeSort;
  readonly order: 'asc' | 'desc';
  readonly columns: readonly ColumnName[];
  /** Cursor of the page; undefined on the first. */
  readonly after: string | undefined;
  /** Cursor of the following page, for a page that was reached backwards. */
  readonly before: string | undefined;
  /** Parts of the address that this page does not understand. The table must not be shown without them. */
  readonly problems: readonly string[];
}

const pageSize = 100;

const filterNames: readonly FilterName[] = [...textFilters, ...timeFilters];

/** Parses the table's address. An unusable filter is a problem: without it, other volumes would be shown. */
export function parseVolumesView(search: string): VolumesView {
  const query = new URLSearchParams(search);
  const filters = filterNames.flatMap((name) => {
    const value = query.get(name)?.trim() ?? '';
    return value === '' ? [] : [[name, name === 'caFingerprint' ? normalFingerprint(value) : value] as const];
  });
  const states = new Set(listIn(query, 'state'));
  const columns = query.get('columns')?.split(',').filter(isColumn) ?? [];
  const after = query.get('after') ?? undefined;
  const before = after === undefined ? (query.get('before') ?? undefined) : undefined;
  return {
    filters: Object.fromEntries(filters),
    states: volumeStates.filter((state) => states.has(state)),
    sort: volumeSorts.find((sort) => sort === query.get('sort')) ?? 'renews',
    order: query.get('order') === 'desc' ? 'desc' : 'asc',
    columns: columns.length === 0 ? defaultColumns : columns,
    after,
    before,
    problems: problemsIn(query),
  };
}

const listIn = (query: URLSearchParams, name: string): readonly string[] =>
  query
    .get(name)
    ?.split(',')
    .filter((word) => word !== '') ?? [];

const hexFingerprint = new RegExp(fingerprintPattern);
const layout = ['columns', 'after', 'before', 'page'];

function problemsIn(query: URLSearchParams): readonly string[] {
  const known: readonly string[] = [...filterNames, 'state', 'sort', 'order', ...layout];
  const checks: Readonly<Record<string, (value: string) => boolean>> = {
    state: () => listIn(query, 'state').every((word) => volumeStates.some((state) => state === word)),
    sort: (value) => volumeSorts.some((sort) => sort === value),
    order: (value) => value === 'asc' || value === 'desc',
    caFingerprint: (value) => hexFingerprint.test(value),
    expiresBefore: (value) => resolveTime(value, 0) !== undefined,
    renewsBefore: (value) => resolveTime(value, 0) !== undefined,
  };
  return [...query].flatMap(([name, text]) => {
    const value = text.trim();
    const isUsable = known.includes(name) && (value === '' || (checks[name]?.(value) ?? true));
    return isUsable ? [] : [`${name}=${value}`];
  });
}

/** Formats the table's address; default values are omitted. */
export function formatVolumesView(view: VolumesView): string {
  const { filters, states, sort, order, columns, after, before } = view;
  const query = new URLSearchParams();
  for (const name of filterNames) if (filters[name] !== undefined) query.set(name, filters[name]);
  if (states.length > 0) query.set('state', states.join(','));
  if (sort !== 'renews') query.set('sort', sort);
  if (order !== 'asc') query.set('order', order);
  if (columns.join() !== defaultColumns.join()) query.set('columns', columns.join(','));
  if (after !== undefined) query.set('after', after);
  else if (before !== undefined) query.set('before', before);
  const text = query.toString().replaceAll('%2C', ',').replaceAll('%2F', '/');
  return text === '' ? '/volumes' : `/volumes?${text}`;
}

/** The filters for the API, with lengths from now as times. */
export function apiFilter({ filters, states }: VolumesView, nowMs: number): VolumeFilter {
  const resolved = Object.entries(filters).flatMap(([name, value]) => {
    const given = isTimeFilter(name) ? resolveTime(value, nowMs) : value;
    return given === undefined ? [] : [[name, given] as const];
  });
  return { ...Object.fromEntries(resolved), ...(states.length === 0 ? {} : { state: states.join(',') }) };
}

export function pageQuery(view: VolumesView, nowMs: number): URLSearchParams {
  const query = sortedQuery(view, nowMs);
  query.set('limit', String(pageSize));
  if (view.after !== undefined) query.set('after', view.after);
  if (view.before !== undefined) query.set('before', view.before);
  return query;
}

/** The address of the whole table as a file. */
export function exportHref(view: VolumesView, format: 'csv' | 'json', nowMs: number): string {
  const query = sortedQuery(view, nowMs);
  query.set('format', format);
  return `/api/v1/volumes/export?${query.toString()}`;
}

/** The changed table, from its first page. */
export function refine(view: VolumesView, change: Partial<VolumesView>): VolumesView {
  return { ...view, after: undefined, before: undefined, problems: [], ...change };
}

/** The table with one filter set, or without it when the text is empty. */
export function withFilter(view: VolumesView, name: FilterName, value: string): VolumesView {
  const others = Object.entries(view.filters).filter(([each]) => each !== name);
  return refine(view, { filters: Object.fromEntries(value === '' ? others : [...others, [name, value]]) });
}

function sortedQuery(view: VolumesView, nowMs: number): URLSearchParams {
  return new URLSearchParams({ ...apiFilter(view, nowMs), sort: view.sort, order: view.order });
}

function isTimeFilter(name: string): name is (typeof timeFilters)[number] {
  return name === 'expiresBefore' || name === 'renewsBefore';
}

function resolveTime(value: string, nowMs: number): string | undefined {
  const length = parseLength(value);
  const atMs = length === undefined ? Date.parse(value) : nowMs + length;
  return Number.isNaN(atMs) ? undefined : new Date(atMs).toISOString();
}
