import { volumeStatuses } from '@certfleet/fleet-model/vocabulary.ts';
import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import { groupPattern, labelPattern } from '@certfleet/operator-api/group-pattern.ts';
import { riskReasons, volumeSorts } from '@certfleet/operator-api/vocabulary.ts';
import type { groupKeys } from '@certfleet/operator-api/vocabulary.ts';
import type { VolumeFilter } from '@certfleet/operator-api/volume-query.ts';
import { fingerprintPattern, normalFingerprint } from '@certfleet/operator-api/fingerprint.ts';
import { lifetimePattern } from '@certfleet/operator-api/lifetime.ts';
import { parseLength } from '../time/relative-time.ts';
import { defaultColumns, isColumn, riskColumns } from './column-names.ts';
import type { ColumnName } from './column-names.ts';

export type VolumeSort = (typeof volumeSorts)[number];

/** The text filters, named as in the API. */
const textFilters = [
  'search',
  'namespace',
  'pod',
  'node',
  'volumeId',
  'issuer',
  'caFingerprint',
  'served',
  'risk',
  'workload',
  'label',
  'rsaBelow',
  'signature',
  'lifetimeOver',
  'requestedOver',
  'isCa',
  'usage',
] as const;
/** A length from now such as `24h`, or RFC 3339. */
const futureFilters = ['expiresAfter', 'expiresBefore', 'renewsAfter', 'renewsBefore'] as const;
/** RFC 3339. */
const pastFilters = ['issuedAfter', 'issuedBefore'] as const;
const timeFilters = [...futureFilters, ...pastFilters] as const;
/** All filters except the states. */
export type FilterName = (typeof textFilters)[number] | (typeof timeFilters)[number];

/** A property of volumes, or a label of their pods. */
export type GroupKey = (typeof groupKeys)[number] | `label:${string}`;

const groupForm = new RegExp(groupPattern);

/** The property with this name. */
function groupKeyOf(text: string): GroupKey | undefined {
  return groupForm.test(text) ? (text as GroupKey) : undefined;
}

/** The views with a table of volumes, and what their addresses omit. */
const tables = {
  '/volumes': { sort: 'renews', columns: defaultColumns, risk: undefined },
  '/at-risk': { sort: 'expires', columns: riskColumns, risk: 'any' },
} as const satisfies Readonly<
  Record<string, { sort: VolumeSort; columns: readonly ColumnName[]; risk: string | undefined }>
>;
export type TablePath = keyof typeof tables;

/** The content of the table's address. */
export interface VolumesView {
  readonly path: TablePath;
  /** Shows groups with counts instead of volumes. */
  readonly group: GroupKey | undefined;
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

/**
 * Parses the table's address. An unusable filter is a problem: without it, other volumes would be shown.
 * @param remembered the columns of an address that names none
 */
export function parseVolumesView(
  search: string,
  path: TablePath = '/volumes',
  remembered: readonly ColumnName[] = tables[path].columns,
): VolumesView {
  const usual = tables[path];
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
    path,
    group: groupKeyOf(query.get('group') ?? ''),
    filters: Object.fromEntries(filters),
    states: volumeStatuses.filter((state) => states.has(state)),
    sort: volumeSorts.find((sort) => sort === query.get('sort')) ?? usual.sort,
    order: query.get('order') === 'desc' ? 'desc' : 'asc',
    columns: columns.length === 0 ? remembered : columns,
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
const riskPattern = new RegExp(`^(any|none|(${riskReasons.join('|')})(,(${riskReasons.join('|')}))*)$`);
/** What the API accepts as values of these filters. */
const patterns = {
  label: new RegExp(labelPattern),
  rsaBelow: /^[1-9][0-9]{0,5}$/,
  isCa: /^(true|false)$/,
  lifetime: new RegExp(lifetimePattern),
};
const layout = ['columns', 'group', 'after', 'before', 'page'];

function problemsIn(query: URLSearchParams): readonly string[] {
  const known: readonly string[] = [...filterNames, 'state', 'sort', 'order', ...layout];
  const checks: Readonly<Record<string, (value: string) => boolean>> = {
    state: () => listIn(query, 'state').every((word) => volumeStatuses.some((state) => state === word)),
    sort: (value) => volumeSorts.some((sort) => sort === value),
    order: (value) => value === 'asc' || value === 'desc',
    risk: (value) => riskPattern.test(value),
    group: (value) => groupKeyOf(value) !== undefined,
    label: (value) => patterns.label.test(value),
    caFingerprint: (value) => hexFingerprint.test(value),
    ...Object.fromEntries(
      timeFilters.map((name) => [name, (value) => resolveFilterTime(name, value, 0) !== undefined]),
    ),
    rsaBelow: (value) => patterns.rsaBelow.test(value),
    isCa: (value) => patterns.isCa.test(value),
    lifetimeOver: (value) => patterns.lifetime.test(value),
    requestedOver: (value) => patterns.lifetime.test(value),
  };
  return [...query].flatMap(([name, text]) => {
    const value = text.trim();
    const isUsable = known.includes(name) && (value === '' || (checks[name]?.(value) ?? true));
    return isUsable ? [] : [`${name}=${value}`];
  });
}

/** Formats the table's address; default values are omitted. */
export function formatVolumesView(view: VolumesView): string {
  const { path, group, filters, states, sort, order, columns, after, before } = view;
  const usual = tables[path];
  const query = new URLSearchParams();
  for (const name of filterNames) if (filters[name] !== undefined) query.set(name, filters[name]);
  if (states.length > 0) query.set('state', states.join(','));
  if (sort !== usual.sort) query.set('sort', sort);
  if (order !== 'asc') query.set('order', order);
  if (group !== undefined) query.set('group', group);
  if (columns.join() !== usual.columns.join()) query.set('columns', columns.join(','));
  if (after !== undefined) query.set('after', after);
  else if (before !== undefined) query.set('before', before);
  const text = query.toString().replaceAll('%2C', ',').replaceAll('%2F', '/');
  return text === '' ? path : `${path}?${text}`;
}

/** The filter by risk that is in force. */
export const riskOfView = ({ path, filters }: VolumesView): string | undefined => filters.risk ?? tables[path].risk;

/** The filters for the API that a renewal accepts too, with lengths from now as times; without the risk. */
export function apiFilter({ filters, states }: VolumesView, nowMs: number): VolumeFilter {
  const resolved = Object.entries(filters).flatMap(([name, value]) => {
    if (name === 'risk') return [];
    const given = isTimeFilter(name) ? resolveFilterTime(name, value, nowMs) : value;
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
  return new URLSearchParams({ ...tableFilter(view, nowMs), sort: view.sort, order: view.order });
}

/** All filters of the table for the API. */
function tableFilter(view: VolumesView, nowMs: number): VolumeFilter & { readonly risk?: string } {
  const risk = riskOfView(view);
  return { ...apiFilter(view, nowMs), ...(risk !== undefined && { risk }) };
}

const groupLimit = 500;

/** The query of the groups of a table. */
export function groupQuery(view: VolumesView, by: GroupKey, sort: string, nowMs: number): URLSearchParams {
  return new URLSearchParams({ ...tableFilter(view, nowMs), by, sort, limit: String(groupLimit) });
}

/** The table of the volumes of one group; undefined for volumes without a value. */
export function ofGroup(view: VolumesView, by: GroupKey, value: string): VolumesView | undefined {
  if (value === '') return undefined;
  const all = { ...view, group: undefined };
  if (by === 'state') return refine(all, { states: volumeStatuses.filter((state) => state === value) });
  if (by.startsWith('label:')) return withFilter(all, 'label', `${by.slice('label:'.length)}=${value}`);
  return withFilter(all, by === 'ca' ? 'caFingerprint' : (by as FilterName), value);
}

export function isTimeFilter(name: string): name is (typeof timeFilters)[number] {
  return timeFilters.some((each) => each === name);
}

function resolveFilterTime(name: (typeof timeFilters)[number], value: string, nowMs: number): string | undefined {
  const isFuture = futureFilters.some((each) => each === name);
  return isFuture || parseLength(value) === undefined ? resolveTime(value, nowMs) : undefined;
}

/** The time of a filter, which is a length from now or a time; undefined if it is neither. */
export function resolveTime(value: string, nowMs: number): string | undefined {
  const length = parseLength(value);
  const atMs = length === undefined ? Date.parse(value) : nowMs + length;
  return Number.isNaN(atMs) ? undefined : new Date(atMs).toISOString();
}
