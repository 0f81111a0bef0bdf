import type { PodCertificateState } from '@certfleet/operator-api/vocabulary.ts';
import { shared } from '../fleet-index/model/shared-values.ts';
import type { CertificateTimes, ObservedRequest } from './observed-request.ts';
import type { PodProjection, ProjectingPod } from './projecting-pod.ts';
import { rowId } from './projection-key.ts';

/** The latest request of a projection. */
interface LatestRequest {
  readonly uid: string;
  readonly name: string;
  readonly createdMs: number;
  /** Creation of the first of the unanswered requests, or of the refused one. */
  readonly sinceMs: number;
  readonly outcome: 'pending' | 'issued' | 'denied' | 'failed';
  readonly reason?: string;
  readonly message?: string;
}

/** A pod certificate in the index. */
export interface PodCertificateRow {
  readonly id: string;
  readonly podUid: string;
  readonly namespace: string;
  readonly pod: string;
  readonly node: string;
  readonly serviceAccount: string;
  readonly workload: string;
  readonly signer: string;
  readonly keyType: string;
  readonly volumes: readonly string[];
  /** Whether the pod was followed since its creation, so that no request was missed. */
  readonly isFollowed: boolean;
  readonly podCreatedMs: number;
  /** When the pod got its node; undefined before, and in a row of an earlier release. */
  readonly scheduledMs?: number;
  /** Undefined until a request was seen: the kubelet has not made one yet, or the index was lost. */
  readonly request?: LatestRequest;
  /** The latest issued certificate: the pod uses it, also while a refresh is pending or after it was refused. */
  readonly certificate?: CertificateTimes;
  /** Of equal sources: a certificate of other CAs that one of them may still use, until it expires. */
  readonly earlier?: CertificateTimes;
}

/** A row without requests. */
export function newRow(
  pod: ProjectingPod,
  { key, signer, keyType, volumes }: PodProjection,
  isFollowed: boolean,
): PodCertificateRow {
  const { uid: podUid, namespace, name, node, serviceAccount, workload, createdMs: podCreatedMs, scheduledMs } = pod;
  const ofPod = {
    ...{ podUid, namespace, pod: name, node, serviceAccount, workload, podCreatedMs },
    ...(scheduledMs !== undefined && { scheduledMs }),
  };
  return { id: rowId(podUid, key), ...ofPod, signer, keyType, volumes, isFollowed };
}

/** The row with what the pod says now, such as its node after it was scheduled. */
export function withPod(row: PodCertificateRow, pod: ProjectingPod, projection: PodProjection): PodCertificateRow {
  const { request, certificate, earlier, isFollowed } = row;
  return {
    ...newRow(pod, projection, isFollowed),
    ...(request && { request }),
    ...(certificate && { certificate }),
    ...(earlier && { earlier }),
  };
}

/** The row of a pod whose requests may have been missed. */
export function withoutRequests(row: PodCertificateRow): PodCertificateRow {
  const { id, podUid, namespace, pod, node, serviceAccount, workload, signer, keyType, volumes } = row;
  const { podCreatedMs, scheduledMs } = row;
  const ofPod = { podUid, namespace, pod, node, serviceAccount, workload, podCreatedMs };
  return {
    ...{ id, ...ofPod, ...(scheduledMs !== undefined && { scheduledMs }), signer, keyType, volumes },
    isFollowed: false,
  };
}

/**
 * The row after a request was seen, which may have been seen before. An older request than the latest changes nothing: the
 * kubelet has forgotten it.
 */
export function withRequest(row: PodCertificateRow, seen: ObservedRequest): PodCertificateRow {
  const { request: before } = row;
  const isSame = before?.uid === seen.uid;
  const { uid, name, createdMs, answer } = seen;
  if (before !== undefined && !isSame && createdMs < before.createdMs)
    return answer.outcome === 'issued' ? withEarlier(row, answer.certificate, row.certificate) : row;
  // A status is final. An earlier release did not keep the CAs.
  if (isSame && before.outcome !== 'pending') return withCas(row, answer);
  const request = { uid, name, createdMs, sinceMs: sinceOf(before, seen), outcome: answer.outcome };
  if (answer.outcome === 'issued')
    return { ...withEarlier(row, row.certificate, answer.certificate), request, certificate: answer.certificate };
  if (answer.outcome === 'pending') return { ...row, request };
  return { ...row, request: { ...request, reason: answer.reason, message: answer.message } };
}

/**
 * Keeps a certificate of other CAs than the latest one's, if several equal sources share the row: nothing tells which of
 * them has it.
 */
function withEarlier(
  row: PodCertificateRow,
  certificate: CertificateTimes | undefined,
  latest: CertificateTimes | undefined,
): PodCertificateRow {
  if (row.volumes.length < 2 || certificate === undefined || certificate.cas === latest?.cas) return row;
  if (row.earlier !== undefined && row.earlier.notAfterMs > certificate.notAfterMs) return row;
  return { ...row, earlier: certificate };
}

function withCas(row: PodCertificateRow, answer: ObservedRequest['answer']): PodCertificateRow {
  const isMissing = row.request?.outcome === 'issued' && row.certificate?.cas === undefined;
  return isMissing && answer.outcome === 'issued' ? { ...row, certificate: answer.certificate } : row;
}

/** The kubelet replaces a request that the controller manager deleted unanswered: the wait goes on. */
function sinceOf(before: LatestRequest | undefined, { createdMs, answer }: ObservedRequest): number {
  return before?.outcome === 'pending' && answer.outcome === 'pending' ? before.sinceMs : createdMs;
}

/** The kubelet adds up to five minutes to beginRefreshAt, and looks once a minute, or every two. */
export const refreshJitterMs = 5 * 60_000;
const marginMs = 3 * 60_000;

/** From when on a certificate is overdue without a newer request. */
export const overdueAtMs = ({ beginRefreshAtMs }: CertificateTimes): number =>
  beginRefreshAtMs + refreshJitterMs + marginMs;

/** Since when a pending row has waited: for the answer to its request, or for the kubelet's first request. */
export const pendingSinceMs = ({ request, scheduledMs, podCreatedMs }: PodCertificateRow): number =>
  request?.sinceMs ?? scheduledMs ?? podCreatedMs;

/** The state of a row at a time. A newer request than the certificate's ends `overdue`. */
export function stateOf(row: PodCertificateRow, nowMs: number): PodCertificateState {
  const { request, certificate } = row;
  if (request?.outcome === 'denied' || request?.outcome === 'failed') return request.outcome;
  if (certificate === undefined) return request === undefined && mayHaveRequested(row) ? 'unknown' : 'pending';
  if (nowMs >= certificate.notAfterMs) return 'expired';
  if (request?.outcome === 'pending') return 'pending';
  return nowMs > overdueAtMs(certificate) ? 'overdue' : 'issued';
}

/**
 * Whether there may have been requests that nobody saw, and so a certificate that is not known. A pod without a node has no
 * kubelet that makes any.
 */
export const mayHaveRequested = ({ isFollowed, node }: PodCertificateRow): boolean => !isFollowed && node !== '';

export function encodeRow(row: PodCertificateRow): string {
  // The id is the field.
  return JSON.stringify({ v: 1, ...row, id: undefined });
}

/** Undefined for an unknown layout, of a newer replica during a rolling upgrade. */
export function decodeRow(id: string, json: string): PodCertificateRow | undefined {
  try {
    const { v, ...stored } = JSON.parse(json) as Omit<PodCertificateRow, 'id'> & { readonly v?: number };
    return v === 1 ? withSharedCas({ id, ...stored }) : undefined;
  } catch {
    return undefined;
  }
}

/** Many certificates have the same CAs. */
function withSharedCas(row: PodCertificateRow): PodCertificateRow {
  const { certificate } = row;
  return certificate?.cas === undefined
    ? row
    : { ...row, certificate: { ...certificate, cas: shared(certificate.cas) } };
}
