import { podCertificateStates } from '@certfleet/operator-api/vocabulary.ts';
import type { PodCertificateState } from '@certfleet/operator-api/vocabulary.ts';
import { stateOf } from './pod-certificate-row.ts';
import type { PodCertificateRow } from './pod-certificate-row.ts';

export type PodCertificateCounts = Record<PodCertificateState, number>;

/** The pod certificates of one signer, or of all. */
export interface PodCertificateTally {
  total: number;
  readonly byState: PodCertificateCounts;
  /** Not-after of the unexpired certificate that expires next. */
  soonestExpiryMs: number | undefined;
}

export interface PodCertificateStats {
  readonly all: PodCertificateTally;
  readonly signers: ReadonlyMap<string, PodCertificateTally>;
}

export function noPodCertificates(): PodCertificateCounts {
  return Object.fromEntries(podCertificateStates.map((state) => [state, 0])) as PodCertificateCounts;
}

const emptyTally = (): PodCertificateTally => ({ total: 0, byState: noPodCertificates(), soonestExpiryMs: undefined });

/** Counts rows by signer and state. */
export function countPodCertificates(rows: Iterable<PodCertificateRow>, nowMs: number): PodCertificateStats {
  const all = emptyTally();
  const signers = new Map<string, PodCertificateTally>();
  for (const row of rows) {
    let signer = signers.get(row.signer);
    if (signer === undefined) signers.set(row.signer, (signer = emptyTally()));
    const state = stateOf(row, nowMs);
    for (const tally of [all, signer]) add(tally, state, row.certificate?.notAfterMs, nowMs);
  }
  return { all, signers };
}

function add(
  tally: PodCertificateTally,
  state: PodCertificateState,
  notAfterMs: number | undefined,
  nowMs: number,
): void {
  tally.total += 1;
  tally.byState[state] += 1;
  if (notAfterMs === undefined || notAfterMs <= nowMs) return;
  tally.soonestExpiryMs = Math.min(tally.soonestExpiryMs ?? Infinity, notAfterMs);
}
