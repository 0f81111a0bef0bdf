import { podCertificateStates } from '@certfleet/operator-api/vocabulary.ts';
import type { PodCertificateState } from '@certfleet/operator-api/vocabulary.ts';
import { PodCertificateRiskCounter, riskOf } from './pod-certificate-risk.ts';
import type { PodCertificateRiskTally } from './pod-certificate-risk.ts';
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
  readonly risks: readonly PodCertificateRiskTally[];
}

export function noPodCertificates(): PodCertificateCounts {
  return Object.fromEntries(podCertificateStates.map((state) => [state, 0])) as PodCertificateCounts;
}

const emptyTally = (): PodCertificateTally => ({ total: 0, byState: noPodCertificates(), soonestExpiryMs: undefined });

/** Counts rows by signer, state and risk. */
export function countPodCertificates(rows: Iterable<PodCertificateRow>, nowMs: number): PodCertificateStats {
  const all = emptyTally();
  const signers = new Map<string, PodCertificateTally>();
  const risks = new PodCertificateRiskCounter();
  for (const row of rows) {
    let signer = signers.get(row.signer);
    if (signer === undefined) signers.set(row.signer, (signer = emptyTally()));
    const state = stateOf(row, nowMs);
    for (const tally of [all, signer]) add(tally, state, row.certificate?.notAfterMs, nowMs);
    const risk = riskOf(row, state, nowMs);
    if (risk !== undefined) risks.count(row, risk);
  }
  return { all, signers, risks: risks.tallies() };
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
