import type { PodCertificateGroupQuery, PodCertificateGroups } from '@certfleet/operator-api/pod-certificates.ts';
import type { PodCertificateGroupKey } from '@certfleet/operator-api/vocabulary.ts';
import { GroupTally } from '../fleet-index/query/group-tally.ts';
import { workloadKey } from '../fleet-index/query/workload-criteria.ts';
import { forEachMatch } from './pod-certificate-filter.ts';
import type { StatedRow } from './pod-certificate-filter.ts';
import type { PodCertificates } from './pod-certificate-view.ts';

const valueBy: Readonly<Record<PodCertificateGroupKey, (found: StatedRow) => string>> = {
  namespace: ({ row }) => row.namespace,
  workload: ({ row }) => workloadKey(row),
  signer: ({ row }) => row.signer,
  node: ({ row }) => row.node,
  state: ({ state }) => state,
  risk: ({ risk }) => risk?.reason ?? '',
};

/**
 * Groups the rows that match a filter.
 * @param index undefined if pod certificates are switched off
 */
export function podCertificateGroups(
  index: PodCertificates | undefined,
  { by, sort, limit, ...filter }: PodCertificateGroupQuery,
  nowMs: number,
): PodCertificateGroups {
  const valueOf = valueBy[by];
  const tally = new GroupTally();
  let certificates = 0;
  const overview = forEachMatch(index, filter, nowMs, (found) => {
    certificates += 1;
    tally.add(valueOf(found), found.risk !== undefined, found.row.certificate?.notAfterMs);
  });
  return { ...tally.first(limit, sort), certificates, ...overview };
}
