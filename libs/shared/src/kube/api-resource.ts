/** A resource of the Kubernetes API: group (empty for core), version and plural name. */
export interface ApiResource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
}

export const pods: ApiResource = { group: '', version: 'v1', plural: 'pods' };
export const nodes: ApiResource = { group: '', version: 'v1', plural: 'nodes' };
/** Events, core/v1: the kind that `kubectl describe` shows. */
export const events: ApiResource = { group: '', version: 'v1', plural: 'events' };

/** The objects a request refers to; without a namespace, all namespaces. */
export interface ApiTarget {
  readonly resource: ApiResource;
  readonly namespace?: string;
  readonly name?: string;
  /** Part of the named object, such as `status`. */
  readonly subresource?: string;
  readonly query?: Readonly<Record<string, string>>;
}

/** The request's path. Names are escaped, because they come from pods' volumes and may contain anything. */
export function apiPath(target: ApiTarget): string {
  const { group, version, plural } = target.resource;
  const segments = group === '' ? ['api', version] : ['apis', group, version];
  if (target.namespace !== undefined) segments.push('namespaces', target.namespace);
  segments.push(plural);
  if (target.name !== undefined) segments.push(target.name);
  if (target.subresource !== undefined) segments.push(target.subresource);
  const path = segments.map((segment) => `/${escapeSegment(segment)}`).join('');
  const query = target.query === undefined ? '' : new URLSearchParams(target.query).toString();
  return query === '' ? path : `${path}?${query}`;
}

function escapeSegment(segment: string): string {
  // encodeURIComponent keeps dots, and a segment of `..` would reach another resource.
  return encodeURIComponent(segment).replace(/^\.{1,2}$/, (dots) => dots.replaceAll('.', '%2E'));
}

export interface ObjectMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly { readonly apiVersion?: string; readonly kind?: string; readonly uid?: string }[];
}
