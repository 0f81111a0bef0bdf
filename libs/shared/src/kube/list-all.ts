import { CertfleetError } from '../errors.ts';

import type { ApiRequest, KubeClient } from './api-client.ts';
import type { ObjectMeta } from './api-resource.ts';

interface RawList {
  readonly metadata?: ObjectMeta & { readonly continue?: string };
  readonly items?: readonly unknown[];
}

/** All objects of a list, projected, and the version that a watch of them starts from. */
export interface ListedObjects<T> {
  readonly objects: readonly T[];
  readonly resourceVersion: string;
}

const pageSize = '500';

/**
 * Lists page by page, so that one page at a time is in memory, and keeps the projections.
 * @throws CertfleetError aborted with reason Expired when the list's snapshot went out of the server's history half-way
 */
export async function listAll<T>(
  client: Pick<KubeClient, 'request'>,
  request: Omit<ApiRequest, 'verb'>,
  project: (raw: unknown) => T | undefined,
): Promise<ListedObjects<T>> {
  const objects: T[] = [];
  let query: Readonly<Record<string, string>> = { ...request.query, limit: pageSize };
  for (;;) {
    const page = (await client.request({ ...request, verb: 'list', query })) as RawList;
    for (const raw of page.items ?? []) {
      const object = project(raw);
      if (object !== undefined) objects.push(object);
    }
    const resourceVersion = page.metadata?.resourceVersion;
    if (resourceVersion === undefined) {
      throw new CertfleetError('unavailable', `expected a list of ${request.resource.plural} with a resource version`);
    }
    const next = page.metadata?.continue ?? '';
    if (next === '') return { objects, resourceVersion };
    // The token holds the version; giving both is an error of the API.
    const unversioned = Object.entries(request.query ?? {}).filter(([name]) => name !== 'resourceVersion');
    query = { ...Object.fromEntries(unversioned), limit: pageSize, continue: next };
  }
}
