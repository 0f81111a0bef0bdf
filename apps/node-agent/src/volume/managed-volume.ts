import type { Secret } from '@certfleet/shared/secret.ts';
import type { IssuanceCause, VolumeState } from '../observability/agent-metrics.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { VolumeRecord, VolumeSecrets } from '../storage/volume-record.ts';
import type { VolumeStore } from '../storage/volume-store.ts';

/** A volume that this agent owns: what stands on the tmpfs, and what only the running process knows. */
export interface ManagedVolume {
  readonly volumeId: string;
  readonly spec: VolumeSpec;
  /** The store that holds it: ours, or the directory it was taken over in. */
  readonly store: VolumeStore;
  record: VolumeRecord;
  secrets: VolumeSecrets;
  /** Failed tries since the last success. */
  failedAttempts: number;
  /** What brought the present certificate about; undefined when an earlier run of the agent did. */
  lastCause: IssuanceCause | undefined;
  /** How long the last try took; undefined when this run of the agent has made none. */
  lastIssuanceMs: number | undefined;
  /** Whether the last request ended for good (denied, failed): the next try deletes it and makes a new one. */
  requestIsSpent: boolean;
  /** Aborted when the volume is unpublished: whatever is under way for it ends. */
  readonly unpublished: AbortController;
}

/**
 * Changes some of the volume's secrets, on the tmpfs too.
 * @throws CertfleetError not-found when the volume was removed
 */
export function changeSecrets(volume: ManagedVolume, change: VolumeSecrets): void {
  volume.secrets = { ...volume.secrets, ...change };
  volume.store.writeSecrets(volume.volumeId, volume.secrets);
}

/** How the volume stands at a time, in milliseconds since the epoch. */
export function volumeState({ record, failedAttempts }: ManagedVolume, nowMs: number): VolumeState {
  if (record.issued === undefined) return failedAttempts > 0 ? 'failing' : 'pending';
  if (record.issued.notAfter.getTime() <= nowMs) return 'expired';
  return failedAttempts > 0 ? 'failing' : 'ready';
}

/** The token with the empty audience, which is the API server's own, of the tokens that the kubelet sent as JSON. */
export function apiServerToken(tokens: Secret | undefined): string | undefined {
  if (tokens === undefined) return undefined;
  try {
    const byAudience = JSON.parse(tokens.reveal()) as Record<string, { token?: unknown } | undefined>;
    const token = byAudience['']?.token;
    return typeof token === 'string' && token !== '' ? token : undefined;
  } catch {
    // The parser's own message would quote the token.
    return undefined;
  }
}
