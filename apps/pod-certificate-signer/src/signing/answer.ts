import type { IssuedChain } from '../issuers/issuer.ts';
import type { Denial } from '../policy/denial.ts';
import type { RequestStatus } from '../requests/request-status.ts';

/** The bounds of beginRefreshAt in the API: ten minutes from either end. */
const refreshMarginMs = 600_000;
/** The part of the lifetime that remains at the refresh. */
const remainingPart = 1 / 3;

/** How a refresh is planned. */
export interface RefreshPlan {
  /** Undefined for a third of the lifetime. */
  readonly renewBeforeSeconds: number | undefined;
  /** How much earlier than planned, in milliseconds, so that equal certificates are not refreshed together. */
  readonly earlierMs: number;
}

/** The final status of a request that was signed. */
export function issuedStatus(chain: IssuedChain, plan: RefreshPlan, nowMs: number): RequestStatus {
  const { notBefore, notAfter, certificateChain } = chain;
  return {
    conditions: [condition('Issued', 'Issued', 'signed by certfleet', nowMs)],
    certificateChain,
    notBefore: seconds(notBefore),
    beginRefreshAt: seconds(refreshAt(chain, plan)),
    notAfter: seconds(notAfter),
  };
}

/** The final status of a request that the policy refuses. */
export function deniedStatus({ reason, message }: Denial, nowMs: number): RequestStatus {
  return { conditions: [condition('Denied', reason, message, nowMs)] };
}

/** When the kubelet is to refresh a certificate; the kubelet adds up to five minutes. */
function refreshAt(
  { notBefore, notAfter }: Pick<IssuedChain, 'notBefore' | 'notAfter'>,
  { renewBeforeSeconds, earlierMs }: RefreshPlan,
): Date {
  const lifetimeMs = notAfter.getTime() - notBefore.getTime();
  const remainingMs = renewBeforeSeconds === undefined ? lifetimeMs * remainingPart : renewBeforeSeconds * 1000;
  const latest = notAfter.getTime() - refreshMarginMs;
  const planned = Math.min(latest, notAfter.getTime() - remainingMs - earlierMs);
  return new Date(Math.floor(Math.max(notBefore.getTime() + refreshMarginMs, planned) / 1000) * 1000);
}

function condition(
  type: 'Issued' | 'Denied',
  reason: string,
  message: string,
  nowMs: number,
): RequestStatus['conditions'][number] {
  return { type, status: 'True', reason, message, lastTransitionTime: seconds(new Date(nowMs)) };
}

function seconds(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
