import { podCertificateRisks, podCertificateSorts, podCertificateStates } from '@certfleet/operator-api/vocabulary.ts';
import type { PodCertificateState } from '@certfleet/operator-api/vocabulary.ts';

const textFilters = ['search', 'namespace', 'pod', 'node', 'signer', 'risk'] as const;
export type PodCertificateFilter = (typeof textFilters)[number];
type PodCertificateSort = (typeof podCertificateSorts)[number];

/** The content of the address of the table of pod certificates. */
export interface PodCertificatesView {
  readonly filters: Readonly<Partial<Record<PodCertificateFilter, string>>>;
  readonly states: readonly PodCertificateState[];
  readonly sort: PodCertificateSort;
  readonly order: 'asc' | 'desc';
  /** Cursor of the page; undefined on the first. */
  readonly after: string | undefined;
  /** Parts of the address that this page does not understand. */
  readonly problems: readonly string[];
}

const path = '/pod-certificates';
const pageSize = '100';

export function parsePodCertificatesView(search: string): PodCertificatesView {
  const query = new URLSearchParams(search);
  const filters = textFilters.flatMap((name) => {
    const value = query.get(name)?.trim() ?? '';
    return value === '' ? [] : [[name, value] as const];
  });
  const states = statesOf(query.get('state') ?? '');
  return {
    filters: Object.fromEntries(filters),
    states: podCertificateStates.filter((state) => states.includes(state)),
    sort: podCertificateSorts.find((sort) => sort === query.get('sort')) ?? 'expires',
    order: query.get('order') === 'desc' ? 'desc' : 'asc',
    after: query.get('after') ?? undefined,
    problems: [...query].flatMap(([name, value]) => (isUsable(name, value) ? [] : [`${name}=${value}`])),
  };
}

const statesOf = (text: string): readonly string[] => text.split(',').filter((state) => state !== '');

function isUsable(name: string, value: string): boolean {
  const isKnown = (words: readonly string[], word: string): boolean => words.includes(word);
  switch (name) {
    case 'after':
      return true;
    case 'state':
      return statesOf(value).every((state) => isKnown(podCertificateStates, state));
    case 'risk':
      return (
        ['any', 'none', ''].includes(value) || value.split(',').every((risk) => isKnown(podCertificateRisks, risk))
      );
    case 'sort':
      return isKnown(podCertificateSorts, value);
    case 'order':
      return isKnown(['asc', 'desc'], value);
    default:
      return isKnown(textFilters, name);
  }
}

/** The address of a view. */
export function formatPodCertificatesView(view: Omit<PodCertificatesView, 'problems'>): string {
  const query = queryOf(view);
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** The query for the API. */
export function podCertificatesQuery(view: Omit<PodCertificatesView, 'problems'>): URLSearchParams {
  const query = queryOf(view);
  query.set('limit', pageSize);
  return query;
}

function queryOf({ filters, states, sort, order, after }: Omit<PodCertificatesView, 'problems'>): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of textFilters) if (filters[name] !== undefined) query.set(name, filters[name]);
  if (states.length > 0) query.set('state', states.join(','));
  if (sort !== 'expires') query.set('sort', sort);
  if (order !== 'asc') query.set('order', order);
  if (after !== undefined) query.set('after', after);
  return query;
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
