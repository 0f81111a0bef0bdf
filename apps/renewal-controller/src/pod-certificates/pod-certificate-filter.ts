import type { PodCertificateGroupQuery, PodCertificateOverview } from '@certfleet/operator-api/pod-certificates.ts';
import type { PodCertificateState } from '@certfleet/operator-api/vocabulary.ts';
import { namePattern } from '../fleet-index/query/name-pattern.ts';
import { podSearch } from '../fleet-index/query/pod-search.ts';
import { workloadNames } from '../fleet-index/query/workload-criteria.ts';
import { riskMatcher, riskOf } from './pod-certificate-risk.ts';
import type { PodCertificateRisk } from './pod-certificate-risk.ts';
import { stateOf } from './pod-certificate-row.ts';
import type { PodCertificateRow } from './pod-certificate-row.ts';
import { noPodCertificates } from './pod-certificate-stats.ts';
import type { PodCertificates } from './pod-certificate-view.ts';

type PodCertificateFilter = Omit<PodCertificateGroupQuery, 'by' | 'sort' | 'limit'>;

/** A row with its state and its risk at a time. */
export interface StatedRow {
  readonly row: PodCertificateRow;
  readonly state: PodCertificateState;
  readonly risk: PodCertificateRisk | undefined;
}

const maxSigners = 200;

/**
 * Visits the rows that match a filter.
 * @param index undefined if pod certificates are switched off
 * @returns what is known of all rows, matching or not
 */
export function forEachMatch(
  index: PodCertificates | undefined,
  filter: PodCertificateFilter,
  nowMs: number,
  visit: (found: StatedRow) => void,
): PodCertificateOverview {
  const { rows = new Map<string, PodCertificateRow>(), following = 'off', problem } = index ?? {};
  const isMatch = matcher(filter);
  const isShown = shownMatcher(filter);
  const byState = noPodCertificates();
  const signers = new Set<string>();
  for (const row of rows.values()) {
    signers.add(row.signer);
    if (!isMatch(row)) continue;
    const state = stateOf(row, nowMs);
    byState[state] += 1;
    const found = { row, state, risk: riskOf(row, state, nowMs) };
    if (isShown(found)) visit(found);
  }
  return {
    byState,
    signers: [...signers].sort().slice(0, maxSigners),
    following,
    ...(problem !== undefined && { problem }),
  };
}

/** Whether a row matches the criteria of state and risk. */
function shownMatcher({ state, risk }: PodCertificateFilter): (found: StatedRow) => boolean {
  const states = state?.split(',');
  const isWanted = riskMatcher(risk ?? '');
  return (found) => (states?.includes(found.state) ?? true) && (risk === undefined || isWanted(found.risk));
}

/** Whether a row matches all criteria but state and risk. */
function matcher(query: PodCertificateFilter): (row: PodCertificateRow) => boolean {
  const { search, namespace, pod, node, signer, workload, expiresBefore } = query;
  const patterns = [
    [namespace, (row: PodCertificateRow) => row.namespace],
    [pod, (row: PodCertificateRow) => row.pod],
    [node, (row: PodCertificateRow) => row.node],
    [signer, (row: PodCertificateRow) => row.signer],
  ] as const;
  const criteria = patterns.flatMap(([pattern, valueOf]) => {
    if (pattern === undefined) return [];
    const isMatch = namePattern(pattern);
    return [(row: PodCertificateRow) => isMatch(valueOf(row))];
  });
  if (workload !== undefined) {
    const isMatch = namePattern(workload);
    criteria.push((row) => workloadNames(row).some(isMatch));
  }
  if (expiresBefore !== undefined) {
    const limitMs = Date.parse(expiresBefore);
    criteria.push(({ certificate }) => certificate !== undefined && certificate.notAfterMs < limitMs);
  }
  if (search !== undefined) criteria.push(rowSearch(search));
  return (row) => criteria.every((isMet) => isMet(row));
}

function rowSearch(search: string): (row: PodCertificateRow) => boolean {
  const part = search.toLowerCase();
  const isOfPod = podSearch(part);
  return (row) => {
    const { node, serviceAccount, signer, workload, volumes, request } = row;
    const texts = [node, serviceAccount, signer, workload, ...volumes, request?.reason ?? '', request?.message ?? ''];
    return isOfPod(row) || texts.some((text) => text.toLowerCase().includes(part));
  };
}
