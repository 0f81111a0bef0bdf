import type { PodCertificateRow } from '../pod-certificate-row.ts';

const minuteMs = 60_000;

/** A row without a request, of a pod that was not followed since its creation. */
export function rowOf(id: string, given: Partial<PodCertificateRow> = {}): PodCertificateRow {
  return {
    ...{ id, podUid: `uid-${id}`, namespace: 'shop', pod: `web-${id}`, node: 'node-1', serviceAccount: 'web' },
    ...{ workload: 'Deployment/web', signer: 'example.com/internal', keyType: 'ECDSAP256', volumes: ['tls'] },
    ...{ isFollowed: false, podCreatedMs: 0 },
    ...given,
  };
}

/** A row whose certificate is refreshed an hour before its end, in so many minutes from now. */
export function issuedRow(id: string, nowMs: number, minutesLeft: number): PodCertificateRow {
  const notAfterMs = nowMs + minutesLeft * minuteMs;
  return rowOf(id, {
    request: { uid: id, name: `req-${id}`, createdMs: nowMs, sinceMs: nowMs, outcome: 'issued' },
    certificate: { notBeforeMs: nowMs - 60 * minuteMs, beginRefreshAtMs: notAfterMs - 60 * minuteMs, notAfterMs },
  });
}

/** A row whose request, without an earlier certificate, was denied. */
export function refusedRow(id: string, atMs: number, reason: string, message: string): PodCertificateRow {
  const request = { uid: id, name: `req-${id}`, createdMs: atMs, sinceMs: atMs, outcome: 'denied' } as const;
  return rowOf(id, { request: { ...request, reason, message } });
}
