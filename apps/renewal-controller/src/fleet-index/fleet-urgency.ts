import { isOverdue, renewalTimeLeft } from '@certfleet/shared/certificate-times.ts';
import { issuerKey } from './indexed-volume.ts';
import type { IndexedCertificate, IndexedVolume } from './indexed-volume.ts';

/** What of the fleet should have been renewed by now. */
export interface FleetUrgency {
  /** Volumes past their renew-at. */
  readonly due: number;
  /** Unexpired volumes that even the local deadline of their agent should have renewed, and that nobody failed to renew. */
  readonly overdue: number;
  /** Unexpired volumes of whose time between renew-at and not-after half or less is left. */
  readonly halfLeft: number;
  /** The same with a quarter or less. */
  readonly quarterLeft: number;
  /** Not-after of the first of those with half or less; undefined when there are none. */
  readonly firstAtRiskMs: number | undefined;
  /**
   * By issuer, renew-at of the oldest volume that waits for its renewal. Volumes whose last try failed wait for their
   * retry, and those of silent nodes for their node: neither says anything of the lane.
   */
  readonly oldestDueMs: ReadonlyMap<string, number>;
}

/** Weighs volumes in one pass, a few milliseconds for 100,000. */
export function weighUrgency(
  volumes: Iterable<IndexedVolume>,
  nowMs: number,
  silentNodes: ReadonlySet<string>,
): FleetUrgency {
  const scale = new Scale(nowMs);
  for (const volume of volumes) {
    const { certificate } = volume;
    if (certificate === undefined || certificate.renewAtMs > nowMs) continue;
    scale.count(volume, certificate);
    if (volume.failure === undefined && !silentNodes.has(volume.node))
      scale.wait(issuerKey(volume.issuer), certificate);
  }
  return scale;
}

class Scale implements FleetUrgency {
  due = 0;
  overdue = 0;
  halfLeft = 0;
  quarterLeft = 0;
  firstAtRiskMs: number | undefined;
  readonly oldestDueMs = new Map<string, number>();
  readonly #nowMs: number;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  count({ failure, deferredUntilMs }: IndexedVolume, certificate: IndexedCertificate): void {
    this.due += 1;
    const left = renewalTimeLeft(certificate, this.#nowMs);
    if (left > 0 && failure === undefined && isOverdue(certificate, this.#nowMs, deferredUntilMs)) this.overdue += 1;
    if (left === 0 || left > 1 / 2) return;
    this.halfLeft += 1;
    if (left <= 1 / 4) this.quarterLeft += 1;
    this.firstAtRiskMs = Math.min(this.firstAtRiskMs ?? Infinity, certificate.notAfterMs);
  }

  wait(issuer: string, { renewAtMs }: IndexedCertificate): void {
    this.oldestDueMs.set(issuer, Math.min(this.oldestDueMs.get(issuer) ?? Infinity, renewAtMs));
  }
}
