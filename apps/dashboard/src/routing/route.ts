export type Route =
  | {
      readonly view:
        'overview' | 'volumes' | 'lanes' | 'nodes' | 'renewals' | 'rotations' | 'audit' | 'sign-in' | 'unknown';
    }
  | { readonly view: 'volume'; readonly node: string; readonly volumeId: string }
  | { readonly view: 'lane'; readonly id: string }
  | { readonly view: 'node'; readonly node: string };

const plain: ReadonlyMap<
  string,
  'overview' | 'volumes' | 'lanes' | 'nodes' | 'renewals' | 'rotations' | 'audit' | 'sign-in'
> = new Map([
  ['', 'overview'],
  ['volumes', 'volumes'],
  ['lanes', 'lanes'],
  ['nodes', 'nodes'],
  ['renewals', 'renewals'],
  ['rotations', 'rotations'],
  ['audit', 'audit'],
  ['sign-in', 'sign-in'],
]);

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
export const nodeHref = (node: string): string => `/nodes/${part(node)}`;
/** The address of the volumes of a query. */
export const volumesHref = (query: Readonly<Record<string, string>>): string =>
  `/volumes?${new URLSearchParams(query).toString()}`;

/** The address to return to after sign-in; only a path of this page is accepted. */
export function safeReturn(from: string | null): string {
  return from !== null && /^\/(?![/\\])/.test(from) && !from.startsWith('/sign-in') ? from : '/';
}
