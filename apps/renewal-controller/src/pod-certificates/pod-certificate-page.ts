import type {
  PodCertificate,
  PodCertificatePage,
  PodCertificateQuery,
} from '@certfleet/operator-api/pod-certificates.ts';
import { podCertificateStates } from '@certfleet/operator-api/vocabulary.ts';
import type { PodCertificateState } from '@certfleet/operator-api/vocabulary.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { namePattern } from '../fleet-index/query/name-pattern.ts';
import { podSearch } from '../fleet-index/query/pod-search.ts';
import { riskMatcher, riskOf } from './pod-certificate-risk.ts';
import type { PodCertificateRisk } from './pod-certificate-risk.ts';
import { pendingSinceMs, stateOf } from './pod-certificate-row.ts';
import type { PodCertificateRow } from './pod-certificate-row.ts';
import { noPodCertificates } from './pod-certificate-stats.ts';
import type { PodCertificateCounts } from './pod-certificate-stats.ts';
import type { PodCertificates } from './pod-certificate-view.ts';

interface StatedRow {
  readonly row: PodCertificateRow;
  readonly state: PodCertificateState;
  readonly risk: PodCertificateRisk | undefined;
}

interface SortableRow extends StatedRow {
  readonly key: string | number;
}

const maxSigners = 200;

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
  const { rows = new Map<string, PodCertificateRow>(), following = 'off', problem } = index ?? {};
  const { byState, matching, signers } = select(rows.values(), query, nowMs);
  const { page, next } = cutPage(matching, query);
  return {
    certificates: page.map(toDto),
    total: matching.length,
    byState,
    signers: [...signers].sort().slice(0, maxSigners),
    following,
    ...(problem !== undefined && { problem }),
    ...(next !== undefined && { next }),
  };
}

interface Selection {
  readonly matching: SortableRow[];
  /** Of the rows that match all criteria but state and risk. */
  readonly byState: PodCertificateCounts;
  /** Of all rows. */
  readonly signers: ReadonlySet<string>;
}

function select(rows: Iterable<PodCertificateRow>, query: PodCertificateQuery, nowMs: number): Selection {
  const isMatch = matcher(query);
  const byState = noPodCertificates();
  const isShown = shownMatcher(query);
  const matching: SortableRow[] = [];
  const signers = new Set<string>();
  const keyOf = sortKeys[query.sort ?? 'expires'];
  for (const row of rows) {
    signers.add(row.signer);
    if (!isMatch(row)) continue;
    const state = stateOf(row, nowMs);
    byState[state] += 1;
    const found = { row, state, risk: riskOf(row, state, nowMs) };
    if (isShown(found)) matching.push({ ...found, key: keyOf(found) });
  }
  return { matching, byState, signers };
}

/** Whether a row matches the criteria of state and risk. */
function shownMatcher({ state, risk }: PodCertificateQuery): (found: StatedRow) => boolean {
  const states = state?.split(',');
  const isWanted = riskMatcher(risk ?? '');
  return (found) => (states?.includes(found.state) ?? true) && (risk === undefined || isWanted(found.risk));
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

/** Whether a row matches all criteria but state and risk. */
function matcher(query: PodCertificateQuery): (row: PodCertificateRow) => boolean {
  const { search, namespace, pod, node, signer, expiresBefore } = query;
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
