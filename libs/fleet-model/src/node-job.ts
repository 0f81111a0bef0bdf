// The jobs in a node's queue: what the controller writes and how the agent reads it.
import type { DispatchCause } from './issuance-causes.ts';

/** Names of the jobs in BullMQ. */
export const nodeJobNames = { renewal: 'renew', deferral: 'defer' } as const;

interface VolumeGeneration {
  readonly volumeId: string;
  /** The generation to be replaced; the agent ignores the job if its volume has a later one. */
  readonly generation: number;
}

/** The request to renew a volume, as stored in the queue. Contains no secret. */
export interface RenewalJob extends VolumeGeneration {
  readonly cause: DispatchCause;
  readonly requestedAtMs: number;
  /**
   * An operator requested it: the agent's minimum interval and back-off do not apply. Absent for automatic renewals.
   */
  readonly requested?: true;
}

/** Defers the agent's fallback deadline, because the renewal waits in its lane. As stored in the queue. */
export interface DeferralJob extends VolumeGeneration {
  /** In milliseconds since the epoch. */
  readonly untilMs: number;
}

/** A job as the agent reads it: renew a volume, or defer its renewal. */
export interface NodeJob extends VolumeGeneration {
  /** A person requested the renewal, so the minimum interval and back-off of automatic renewals do not apply. */
  readonly isRequestedByPerson?: true;
  /** Undefined: renew now. */
  readonly deferUntil?: Date;
}

export function renewalJob(
  { volumeId, generation }: VolumeGeneration,
  cause: DispatchCause,
  requestedAtMs: number,
): RenewalJob {
  return { volumeId, generation, cause, requestedAtMs, ...(cause === 'requested' && { requested: true }) };
}

export function deferralJob({ volumeId, generation }: VolumeGeneration, untilMs: number): DeferralJob {
  return { volumeId, generation, untilMs };
}

/**
 * Validates a job, which is untrusted input.
 * @returns undefined for a malformed job
 */
export function readNodeJob(name: string, data: unknown): NodeJob | undefined {
  const { volumeId, generation, untilMs, requested } = (data ?? {}) as Readonly<
    Partial<Record<keyof RenewalJob | keyof DeferralJob, unknown>>
  >;
  if (typeof volumeId !== 'string' || volumeId.length > 256) return undefined;
  if (!isCount(generation)) return undefined;
  if (name === nodeJobNames.renewal)
    return { volumeId, generation, ...(requested === true && { isRequestedByPerson: true }) };
  if (name !== nodeJobNames.deferral || !isCount(untilMs) || untilMs > latestDateMs) return undefined;
  return { volumeId, generation, deferUntil: new Date(untilMs) };
}

/** The latest time that a Date can represent. */
const latestDateMs = 8.64e15;

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
