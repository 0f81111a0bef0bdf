export type Route =
  | { readonly view: PlainView | 'unknown' }
  | { readonly view: 'volume'; readonly node: string; readonly volumeId: string }
  | { readonly view: 'lane' | 'renewal'; readonly id: string }
  | { readonly view: 'node'; readonly node: string };

/** Views without a parameter in their path; each path is the name, except the overview's. */
const plainViews = [
  'overview',
  'wall',
  'at-risk',
  'volumes',
  'pod-certificates',
  'lanes',
  'nodes',
  'cas',
  'renewals',
  'rotations',
  'audit',
  'sign-in',
] as const;
export type PlainView = (typeof plainViews)[number];

const plain: ReadonlyMap<string, PlainView> = new Map(
  plainViews.map((view) => [view === 'overview' ? '' : view, view]),
);

/** The view of a path. */
export function routeOf(pathname: string): Route {
  const parts = decoded(pathname);
  const [first = '', second = '', third = ''] = parts;
  if (parts.length === 1) return { view: plain.get(first) ?? 'unknown' };
  if (parts.some((each) => each === '')) return { view: 'unknown' };
  switch (`${first} ${parts.length}`) {
    case 'volumes 3':
      return { view: 'volume', node: second, volumeId: third };
    case 'lanes 2':
      return { view: 'lane', id: second };
    case 'renewals 2':
      return { view: 'renewal', id: second };
    case 'nodes 2':
      return { view: 'node', node: second };
    default:
      return { view: 'unknown' };
  }
}

function decoded(pathname: string): readonly string[] {
  try {
    return pathname.split('/').slice(1).map(decodeURIComponent);
  } catch {
    return ['unknown'];
  }
}

const part = encodeURIComponent;

export const volumeHref = (node: string, volumeId: string): string => `/volumes/${part(node)}/${part(volumeId)}`;
export const laneHref = (id: string): string => `/lanes/${part(id)}`;
export const renewalHref = (id: string): string => `/renewals/${part(id)}`;
/** The audit entries that match. */
export const auditHref = (query: Readonly<Record<string, string>>): string =>
  `/audit?${new URLSearchParams(query).toString()}`;
export const nodeHref = (node: string): string => `/nodes/${part(node)}`;
/** The address of the volumes of a query. */
export const volumesHref = (query: Readonly<Record<string, string>>): string =>
  `/volumes?${new URLSearchParams(query).toString()}`;

/** The address to return to after sign-in; only a path of this page is accepted. */
export function safeReturn(from: string | null): string {
  return from !== null && /^\/(?![/\\])/.test(from) && !from.startsWith('/sign-in') ? from : '/';
}
