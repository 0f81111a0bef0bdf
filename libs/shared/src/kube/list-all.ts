import { asCertfleetError, CertfleetError } from '../errors.ts';

import type { ApiRequest, KubeClient } from './api-client.ts';
import type { ObjectMeta } from './api-resource.ts';

interface RawList {
  readonly metadata?: ObjectMeta & { readonly continue?: string };
  readonly items?: readonly unknown[];
}

/** The projected objects of a list, and the resource version from which to watch. */
export interface ListedObjects<T> {
  readonly objects: readonly T[];
  readonly resourceVersion: string;
}

const pageSize = 500;

/**
 * Lists page by page, so that only one page is in memory, and keeps the projections. Pages of large objects are smaller:
 * the author of a few dozen objects of a megabyte must not be able to blind a watch.
 * @throws CertfleetError aborted with reason Expired when the server compacts the list's snapshot before the last page
 */
export async function listAll<T>(
  client: Pick<KubeClient, 'request'>,
  request: Omit<ApiRequest, 'verb'>,
  project: (raw: unknown) => T | undefined,
): Promise<ListedObjects<T>> {
  const objects: T[] = [];
  let next: PageRequest = { query: request.query ?? {}, limit: pageSize };
  for (;;) {
    const read = await readPage(client, request, next);
    if ('retry' in read) {
      next = read.retry;
      continue;
    }
    const { page } = read;
    objects.push(...(page.items ?? []).map(project).filter((object) => object !== undefined));
    const resourceVersion = page.metadata?.resourceVersion;
    if (resourceVersion === undefined) {
      throw new CertfleetError('unavailable', `the list of ${request.resource.plural} has no resource version`);
    }
    const token = page.metadata?.continue ?? '';
    if (token === '') return { objects, resourceVersion };
    // The continue token contains the version; the API rejects requests with both.
    next = { ...next, query: { ...unversioned(request.query ?? {}), continue: token } };
  }
}

interface PageRequest {
  readonly query: Query;
  readonly limit: number;
}

type Query = Readonly<Record<string, string>>;

/** Reads a page; if it is too large, returns a request for a smaller one. */
async function readPage(
  client: Pick<KubeClient, 'request'>,
  request: Omit<ApiRequest, 'verb'>,
  { query, limit }: PageRequest,
): Promise<{ readonly page: RawList } | { readonly retry: PageRequest }> {
  try {
    const page = await client.request({ ...request, verb: 'list', query: { ...query, limit: String(limit) } });
    return { page: page as RawList };
  } catch (thrown) {
    if (asCertfleetError(thrown).reason !== 'ResponseTooLarge') throw thrown;
    // With this version, the API server returns all objects at once from its cache, and ignores the limit.
    if (query['resourceVersion'] === '0') return { retry: { query: unversioned(query), limit } };
    if (limit === 1) throw thrown;
    return { retry: { query, limit: Math.ceil(limit / 5) } };
  }
}

function unversioned(query: Query): Query {
  return Object.fromEntries(Object.entries(query).filter(([name]) => name !== 'resourceVersion'));
}
