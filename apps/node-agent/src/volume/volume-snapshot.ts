import { isOverdue, renewalTimeLeft } from '@certfleet/fleet-model/certificate-times.ts';
import type { CertificateTimes } from '@certfleet/fleet-model/certificate-times.ts';
import type { AgentVolumeStatus } from '@certfleet/fleet-model/report-terms.ts';
import type { MetricsSnapshot, VolumeUrgency } from '../observability/metrics-snapshot.ts';
import { issuedTimes } from './issued-times.ts';
import { volumeStatus } from './volume-status.ts';
import type { VolumeStatusSource } from './volume-status.ts';

/** A first certificate that takes longer is counted as a problem: slow issuers and approvals take a minute or two. */
const longWaitMs = 5 * 60_000;

/** Counts the volumes by status and urgency, and finds the earliest expiry. */
export function volumeSnapshot(
  volumes: Iterable<VolumeStatusSource>,
  nowMs: number,
): Omit<MetricsSnapshot, 'rsaKeysReady'> {
  const counts: Record<AgentVolumeStatus, number> = { ready: 0, pending: 0, failing: 0, expired: 0 };
  const urgency: Urgency = { overdue: 0, halfLeft: 0, quarterLeft: 0 };
  let soonestNotAfter: Date | undefined;
  let withoutCertificate = 0;
  for (const volume of volumes) {
    counts[volumeStatus(volume, nowMs)] += 1;
    const { issued } = volume.record;
    if (issued === undefined && nowMs - volume.record.createdAt.getTime() >= longWaitMs) withoutCertificate += 1;
    if (issued === undefined) continue;
    if (soonestNotAfter === undefined || issued.notAfter < soonestNotAfter) soonestNotAfter = issued.notAfter;
    countUrgency(urgency, volume, { times: issuedTimes(issued), nowMs });
  }
  return { volumes: counts, urgency, withoutCertificate, soonestNotAfter };
}

type Urgency = { -readonly [Count in keyof VolumeUrgency]: number };

function countUrgency(
  urgency: Urgency,
  { record, failedAttempts }: VolumeStatusSource,
  { times, nowMs }: { readonly times: CertificateTimes; readonly nowMs: number },
): void {
  const left = renewalTimeLeft(times, nowMs);
  if (left === 0) return;
  if (failedAttempts === 0 && isOverdue(times, nowMs, record.deferredUntil?.getTime())) urgency.overdue += 1;
  if (left <= 1 / 2) urgency.halfLeft += 1;
  if (left <= 1 / 4) urgency.quarterLeft += 1;
}
