import { podCertificateRisks } from '@certfleet/operator-api/vocabulary.ts';
import type { PodCertificateRiskReason, PodCertificateState } from '@certfleet/operator-api/vocabulary.ts';
import { overdueAtMs, pendingSinceMs } from './pod-certificate-row.ts';
import type { PodCertificateRow } from './pod-certificate-row.ts';

/** Why a pod certificate is not certain to be valid. */
export interface PodCertificateRisk {
  readonly reason: PodCertificateRiskReason;
  readonly sinceMs: number;
}

/** A pod that starts needs its first certificate; the alert of the signer has the same default. */
const maxStartWaitMs = 10 * 60_000;

/** Since when a row is in a bad state. */
const badSinceMs: Readonly<
  Record<Exclude<PodCertificateRiskReason, 'waiting'>, (row: PodCertificateRow) => number | undefined>
> = {
  denied: ({ request }) => request?.sinceMs,
  failed: ({ request }) => request?.sinceMs,
  expired: ({ certificate }) => certificate?.notAfterMs,
  overdue: ({ certificate }) => certificate && overdueAtMs(certificate),
};

/**
 * The risk of a row in a state; undefined if nothing speaks against it, or if it is unknown: nobody saw its last request, so
 * that it may be in order.
 */
export function riskOf(
  row: PodCertificateRow,
  state: PodCertificateState,
  nowMs: number,
): PodCertificateRisk | undefined {
  if (state === 'pending')
    return isTooLong(row, nowMs) ? { reason: 'waiting', sinceMs: pendingSinceMs(row) } : undefined;
  if (state === 'unknown' || state === 'issued') return undefined;
  return { reason: state, sinceMs: badSinceMs[state](row) ?? nowMs };
}

/**
 * Whether a pending row has waited for too long: a pod that starts, for ten minutes; a refresh, for half of the time from
 * its beginning to not-after, because a signer that paces answers refreshes late on purpose.
 */
function isTooLong(row: PodCertificateRow, nowMs: number): boolean {
  const { certificate, request, node } = row;
  if (certificate !== undefined) return nowMs > (certificate.beginRefreshAtMs + certificate.notAfterMs) / 2;
  // A pod without a node waits for the scheduler.
  return (request !== undefined || node !== '') && nowMs > pendingSinceMs(row) + maxStartWaitMs;
}

/** The pod certificates of one signer that are at risk for one reason. */
export interface PodCertificateRiskTally {
  readonly signer: string;
  readonly reason: PodCertificateRiskReason;
  count: number;
  /** The first of them. */
  sinceMs: number;
  /** Earliest not-after of their certificates, which may have passed; undefined if none has one. */
  soonestExpiryMs: number | undefined;
  /** Reason and message of the latest refusal; empty for other reasons. */
  refusal: string;
  refusedMs: number;
}

/** Counts the rows at risk by signer and reason. */
export class PodCertificateRiskCounter {
  readonly #tallies = new Map<string, PodCertificateRiskTally>();

  count(row: PodCertificateRow, { reason, sinceMs }: PodCertificateRisk): void {
    const { signer, certificate, request } = row;
    const key = `${reason} ${signer}`;
    const tally = this.#tallies.get(key) ?? {
      ...{ signer, reason, count: 0, sinceMs, soonestExpiryMs: undefined, refusal: '', refusedMs: -Infinity },
    };
    this.#tallies.set(key, tally);
    tally.count += 1;
    tally.sinceMs = Math.min(tally.sinceMs, sinceMs);
    if (certificate !== undefined)
      tally.soonestExpiryMs = Math.min(tally.soonestExpiryMs ?? Infinity, certificate.notAfterMs);
    if (request?.reason === undefined || request.createdMs <= tally.refusedMs) return;
    tally.refusal = [request.reason, request.message].filter(Boolean).join(': ');
    tally.refusedMs = request.createdMs;
  }

  /** By reason in the order of the vocabulary, the largest signers first. */
  tallies(): readonly PodCertificateRiskTally[] {
    const rank = ({ reason }: PodCertificateRiskTally): number => podCertificateRisks.indexOf(reason);
    return [...this.#tallies.values()].sort(
      (a, b) => rank(a) - rank(b) || b.count - a.count || (a.signer < b.signer ? -1 : 1),
    );
  }
}

/** Whether a risk matches a filter: `any`, `none` or reasons separated by commas. */
export function riskMatcher(filter: string): (risk: PodCertificateRisk | undefined) => boolean {
  if (filter === 'any') return (risk) => risk !== undefined;
  if (filter === 'none') return (risk) => risk === undefined;
  const wanted = new Set(filter.split(','));
  return (risk) => risk !== undefined && wanted.has(risk.reason);
}
