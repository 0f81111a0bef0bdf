import type {
  PodCertificate,
  PodCertificatePage,
  PodCertificateQuery,
} from '@certfleet/operator-api/pod-certificates.ts';
import { podCertificateStates } from '@certfleet/operator-api/vocabulary.ts';
import type { PodCertificateState } from '@certfleet/operator-api/vocabulary.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { forEachMatch } from './pod-certificate-filter.ts';
import type { StatedRow } from './pod-certificate-filter.ts';
import { pendingSinceMs } from './pod-certificate-row.ts';
import type { PodCertificateRow } from './pod-certificate-row.ts';
import type { PodCertificates } from './pod-certificate-view.ts';

interface SortableRow extends StatedRow {
  readonly key: string | number;
}

/**
 * One page of the rows that match a query.
 * @param index undefined if pod certificates are switched off
 * @throws CertfleetError invalid-argument for an invalid cursor
 */
export function podCertificatePage(
  index: PodCertificates | undefined,
  query: PodCertificateQuery,
  nowMs: number,
): PodCertificatePage {
  const matching: SortableRow[] = [];
  const keyOf = sortKeys[query.sort ?? 'expires'];
  const overview = forEachMatch(index, query, nowMs, (found) => matching.push({ ...found, key: keyOf(found) }));
  const { page, next } = cutPage(matching, query);
  return {
    certificates: page.map(toDto),
    total: matching.length,
    ...overview,
    ...(next !== undefined && { next }),
  };
}

/** @throws CertfleetError invalid-argument for an invalid cursor */
function cutPage(
  matching: SortableRow[],
  { order = 'asc', limit, after }: PodCertificateQuery,
): { readonly page: readonly SortableRow[]; readonly next: string | undefined } {
  const sign = order === 'asc' ? 1 : -1;
  const begin = after === undefined ? undefined : decodeCursor(after);
  matching.sort((a, b) => compare([a.key, a.row.id], [b.key, b.row.id], sign));
  const isAfter = ({ key, row }: SortableRow): boolean =>
    begin === undefined || compare([key, row.id], begin, sign) > 0;
  const rest = matching.filter(isAfter);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  const hasMore = rest.length > limit && last !== undefined;
  return { page, next: hasMore ? encodeCursor([last.key, last.row.id]) : undefined };
}

type SortKey = NonNullable<PodCertificateQuery['sort']>;

/** Rows without a certificate come last. */
const never = Number.MAX_SAFE_INTEGER;

const sortKeys: Readonly<Record<SortKey, (row: StatedRow) => string | number>> = {
  expires: ({ row }) => row.certificate?.notAfterMs ?? never,
  refreshes: ({ row }) => row.certificate?.beginRefreshAtMs ?? never,
  namespace: ({ row }) => row.namespace,
  pod: ({ row }) => row.pod,
  node: ({ row }) => row.node,
  signer: ({ row }) => row.signer,
  state: ({ state }) => podCertificateStates.indexOf(state),
};

function toDto({ row, state, risk }: StatedRow): PodCertificate {
  const { id, namespace, pod, podUid, serviceAccount, node, workload, signer, volumes, keyType } = row;
  return {
    kind: 'pod-certificate',
    ...{ id, namespace, pod, podUid, serviceAccount, node, workload, signer, keyType, state },
    volumes: [...volumes],
    ...(risk && { risk: { reason: risk.reason, since: iso(risk.sinceMs) } }),
    ...requestFields(row, state),
    ...certificateFields(row),
  };
}

function requestFields(row: PodCertificateRow, state: PodCertificateState): Partial<PodCertificate> {
  const { request } = row;
  if (request === undefined) return state === 'pending' ? { since: iso(pendingSinceMs(row)) } : {};
  const { name, sinceMs, outcome, reason, message } = request;
  return {
    request: name,
    ...(outcome !== 'issued' && { since: iso(sinceMs) }),
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message }),
  };
}

function certificateFields({ certificate }: PodCertificateRow): Partial<PodCertificate> {
  if (certificate === undefined) return {};
  const { notBeforeMs, notAfterMs, beginRefreshAtMs } = certificate;
  return { notBefore: iso(notBeforeMs), notAfter: iso(notAfterMs), beginRefreshAt: iso(beginRefreshAtMs) };
}

const iso = (timeMs: number): string => new Date(timeMs).toISOString();

type Cursor = readonly [key: string | number, id: string];

function compare([a, idA]: Cursor, [b, idB]: Cursor, sign: 1 | -1): number {
  if (a !== b) return a < b ? -sign : sign;
  return idA === idB ? 0 : idA < idB ? -1 : 1;
}

function encodeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

function decodeCursor(text: string): Cursor {
  try {
    const [key, id] = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[];
    if ((typeof key === 'string' || typeof key === 'number') && typeof id === 'string') return [key, id];
  } catch {
    // Reported below.
  }
  throw new CertfleetError('invalid-argument', 'after: expected the `next` value of an earlier page');
}
