import type { ObservedRequest } from './observed-request.ts';
import { encodeRow, newRow, withoutRequests, withPod, withRequest } from './pod-certificate-row.ts';
import type { PodCertificateRow } from './pod-certificate-row.ts';
import type { ProjectingPod } from './projecting-pod.ts';
import { rowId } from './projection-key.ts';

export interface TableLimits {
  readonly maxRows: number;
  /** Pods that are not known yet, whose requests are kept. */
  readonly maxEarlyPods: number;
}

/** About 40 MB in the process and 30 MB in Redis. */
const defaultLimits: TableLimits = { maxRows: 50_000, maxEarlyPods: 5_000 };
const maxEarlyOfPod = 16;

/** A row to write; an empty `json` removes it. */
export interface RowChange {
  readonly id: string;
  readonly json: string;
}

/**
 * The API server has all requests that are younger than this: it keeps them for 15 minutes. The difference allows for the
 * clocks.
 */
export const keptMs = 10 * 60_000;

/**
 * The rows of the replica that follows pods and requests. Each row is a projection of a pod that exists, so a row comes and
 * goes with its pod; requests only change it.
 */
export class PodCertificateTable {
  readonly #limits: TableLimits;
  readonly #rows = new Map<string, PodCertificateRow>();
  readonly #pods = new Map<string, ProjectingPod>();
  /** Ids of the rows that differ from the stored ones. */
  readonly #changed = new Set<string>();
  /** By UID of the pod: the two watches are not synchronized, so a request may come before its pod. */
  readonly #early = new Map<string, readonly ObservedRequest[]>();
  /** UIDs of the pods that the limit leaves out. */
  readonly #omitted = new Set<string>();

  constructor(limits: TableLimits = defaultLimits) {
    this.#limits = limits;
  }

  /** Takes over the stored rows, before the pods are known. */
  load(rows: Iterable<PodCertificateRow>): void {
    for (const row of rows) this.#rows.set(row.id, row);
  }

  get rows(): ReadonlyMap<string, PodCertificateRow> {
    return this.#rows;
  }

  /** How many pods are left out. */
  get omitted(): number {
    return this.#omitted.size;
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0;
  }

  /** Replaces the pods by all that exist. */
  syncPods(pods: readonly ProjectingPod[], nowMs: number): void {
    this.#pods.clear();
    this.#omitted.clear();
    const existing = new Set(pods.flatMap(({ uid, projections }) => projections.map(({ key }) => rowId(uid, key))));
    for (const id of [...this.#rows.keys()]) if (!existing.has(id)) this.#remove(id);
    for (const pod of pods) if (pod.projections.length > 0) this.#put(pod, nowMs - pod.createdMs < keptMs);
  }

  /**
   * Makes rows unknown whose next request may have come and gone unseen, because the requests were not followed for longer
   * than the API server keeps them.
   */
  forgetMissed(nowMs: number): void {
    for (const row of this.#rows.values()) {
      if (mayHaveMissed(row, nowMs)) this.#set(row, withoutRequests(row));
    }
  }

  /** @param isNew whether the pod was created just now */
  podChanged(pod: ProjectingPod, isNew: boolean): void {
    if (pod.projections.length === 0) this.podGone(pod.uid);
    else this.#put(pod, isNew);
  }

  podGone(uid: string): void {
    this.#omitted.delete(uid);
    for (const { key } of this.#pods.get(uid)?.projections ?? []) this.#remove(rowId(uid, key));
    this.#pods.delete(uid);
  }

  /** Replaces the requests by all that exist. The answers of those that are gone stay in their rows. */
  syncRequests(requests: readonly ObservedRequest[]): void {
    this.#early.clear();
    const oldestFirst = [...requests].sort((a, b) => a.createdMs - b.createdMs);
    for (const request of oldestFirst) this.requestSeen(request);
  }

  requestSeen(request: ObservedRequest): void {
    const pod = this.#pods.get(request.podUid);
    if (pod === undefined) {
      this.#keepEarly(request);
      return;
    }
    const row = this.#rowOf(pod, request);
    if (row !== undefined) this.#set(row, withRequest(row, request));
  }

  requestGone({ uid, podUid }: ObservedRequest): void {
    const others = this.#early.get(podUid)?.filter((early) => early.uid !== uid) ?? [];
    if (others.length === 0) this.#early.delete(podUid);
    else this.#early.set(podUid, others);
  }

  /** Takes up to `count` changes that must be written. */
  takeChanges(count: number): readonly RowChange[] {
    const taken: RowChange[] = [];
    for (const id of this.#changed) {
      if (taken.length === count) break;
      const row = this.#rows.get(id);
      taken.push({ id, json: row === undefined ? '' : encodeRow(row) });
    }
    for (const { id } of taken) this.#changed.delete(id);
    return taken;
  }

  /** Has rows written again: they were not stored, or may be lost. */
  markChanged(ids: Iterable<string>): void {
    for (const id of ids) this.#changed.add(id);
  }

  #put(pod: ProjectingPod, isFollowed: boolean): void {
    const missing = pod.projections.filter(({ key }) => !this.#rows.has(rowId(pod.uid, key)));
    if (missing.length > 0 && this.#rows.size + missing.length > this.#limits.maxRows) {
      // The count needs no exact value, but a bound.
      if (this.#omitted.size < this.#limits.maxRows) this.#omitted.add(pod.uid);
      return;
    }
    this.#omitted.delete(pod.uid);
    this.#pods.set(pod.uid, pod);
    for (const projection of pod.projections) {
      const before = this.#rows.get(rowId(pod.uid, projection.key));
      this.#set(before, before === undefined ? newRow(pod, projection, isFollowed) : withPod(before, pod, projection));
    }
    const early = this.#early.get(pod.uid) ?? [];
    this.#early.delete(pod.uid);
    for (const request of early) this.requestSeen(request);
  }

  /**
   * The row of a request: of the projection with its content, or else the only one of its signer, since a newer API server
   * may fill in fields that this release does not know.
   */
  #rowOf({ uid, projections }: ProjectingPod, { signer, projection }: ObservedRequest): PodCertificateRow | undefined {
    const exact = this.#rows.get(rowId(uid, projection));
    if (exact !== undefined) return exact;
    const [only, ...others] = projections.filter((each) => each.signer === signer);
    return only === undefined || others.length > 0 ? undefined : this.#rows.get(rowId(uid, only.key));
  }

  #keepEarly(request: ObservedRequest): void {
    const { uid, podUid } = request;
    if (this.#omitted.has(podUid)) return;
    const others = this.#early.get(podUid)?.filter((early) => early.uid !== uid) ?? [];
    this.#early.set(podUid, [...others, request].slice(-maxEarlyOfPod));
    if (this.#early.size <= this.#limits.maxEarlyPods) return;
    const [oldest] = this.#early.keys();
    if (oldest !== undefined) this.#early.delete(oldest);
  }

  #set(before: PodCertificateRow | undefined, after: PodCertificateRow): void {
    if (before === after || (before !== undefined && encodeRow(before) === encodeRow(after))) return;
    this.#rows.set(after.id, after);
    this.#changed.add(after.id);
  }

  #remove(id: string): void {
    if (this.#rows.delete(id)) this.#changed.add(id);
  }
}

function mayHaveMissed(row: PodCertificateRow, nowMs: number): boolean {
  const { request, certificate, isFollowed, podCreatedMs } = row;
  const isOver = (sinceMs: number): boolean => nowMs - sinceMs > keptMs;
  if (request === undefined) return isFollowed && isOver(podCreatedMs);
  if (request.outcome === 'pending') return isOver(request.createdMs);
  return request.outcome === 'issued' && certificate !== undefined && isOver(certificate.beginRefreshAtMs);
}
