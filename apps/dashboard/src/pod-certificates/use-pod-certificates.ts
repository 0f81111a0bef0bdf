import type { PodCertificateGroups, PodCertificatePage } from '@certfleet/operator-api/pod-certificates.ts';
import type { PodCertificateGroupKey } from '@certfleet/operator-api/vocabulary.ts';
import { useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import type { Resource } from '../live/use-resource.ts';
import { podCertificateGroupQuery, podCertificatesQuery } from './pod-certificates-view.ts';
import type { PodCertificatesView } from './pod-certificates-view.ts';

/** A page of the table, or its groups by a property. */
export type FoundPodCertificates =
  | { readonly by: undefined; readonly page: PodCertificatePage }
  | { readonly by: PodCertificateGroupKey; readonly page: PodCertificateGroups };

/** The rows of a table, or their groups if the view is grouped. */
export function usePodCertificates(view: PodCertificatesView, groupSort: string): Resource<FoundPodCertificates> {
  const { api, serverClock } = useServices();
  const { group: by } = view;
  const queryAt = (nowMs: number): URLSearchParams =>
    by === undefined ? podCertificatesQuery(view, nowMs) : podCertificateGroupQuery(view, by, groupSort, nowMs);
  return useResource<FoundPodCertificates>({
    key: `pod-certificates:${queryAt(0).toString()}`,
    load: async (signal) => {
      const query = queryAt(serverClock.now());
      if (by === undefined) return { by, page: await api.podCertificates(query, signal) };
      return { by, page: await api.podCertificateGroups(query, signal) };
    },
    kinds: ['pod-certificates'],
  });
}

/** The pod certificates that match the filters, on all pages and in all groups. */
export const countOf = (found: FoundPodCertificates): number =>
  found.by === undefined ? found.page.total : found.page.certificates;
