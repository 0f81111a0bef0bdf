import { CertfleetError } from '../errors.ts';

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

const pageSize = '500';

/**
 * Lists page by page, so that only one page is in memory, and keeps the projections.
 * @throws CertfleetError aborted with reason Expired when the server compacts the list's snapshot before the last page
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
      throw new CertfleetError('unavailable', `the list of ${request.resource.plural} has no resource version`);
    }
    const next = page.metadata?.continue ?? '';
    if (next === '') return { objects, resourceVersion };
    // The continue token contains the version; the API rejects requests with both.
    const unversioned = Object.entries(request.query ?? {}).filter(([name]) => name !== 'resourceVersion');
    query = { ...Object.fromEntries(unversioned), limit: pageSize, continue: next };
  }
}
