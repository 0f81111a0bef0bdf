import type { AgentVolumeStatus } from '@certfleet/fleet-model/report-terms.ts';
import type { Volume } from './volume.ts';

export type VolumeStatusSource = Pick<Volume, 'record' | 'failedAttempts'>;

/** The volume's status at `nowMs`, in milliseconds since the epoch. */
export function volumeStatus({ record, failedAttempts }: VolumeStatusSource, nowMs: number): AgentVolumeStatus {
  if (record.issued === undefined) return failedAttempts > 0 ? 'failing' : 'pending';
  if (record.issued.notAfter.getTime() <= nowMs) return 'expired';
  return failedAttempts > 0 ? 'failing' : 'ready';
}
