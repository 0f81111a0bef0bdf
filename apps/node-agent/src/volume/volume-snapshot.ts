import type { MetricsSnapshot, VolumeState } from '../observability/agent-metrics.ts';
import { volumeState } from './managed-volume.ts';
import type { ManagedVolume } from './managed-volume.ts';

/** How the volumes stand now, counted by state, and the soonest end among them. */
export function volumeSnapshot(
  volumes: Iterable<ManagedVolume>,
  nowMs: number,
): Pick<MetricsSnapshot, 'volumes' | 'soonestNotAfter'> {
  const counts: Record<VolumeState, number> = { ready: 0, pending: 0, failing: 0, expired: 0 };
  let soonestNotAfter: Date | undefined;
  for (const volume of volumes) {
    counts[volumeState(volume, nowMs)] += 1;
    const notAfter = volume.record.issued?.notAfter;
    if (notAfter !== undefined && (soonestNotAfter === undefined || notAfter < soonestNotAfter)) {
      soonestNotAfter = notAfter;
    }
  }
  return { volumes: counts, soonestNotAfter };
}
