import type { IndexedVolume } from '../fleet-index/indexed-volume.ts';
import { shortHash } from '../redis/redis-keys.ts';

/** Why a renewal is wanted: its time has come, a person asked for it, or the last try failed. */
export type RenewalCause = 'due' | 'requested' | 'retry';

/** A volume's job in the `due` queue: node and volume id. Short names, since there is one for every volume. */
interface DueVolumeJob {
  readonly n: string;
  readonly v: string;
}

/** The job that begins a bulk renewal. */
interface DueBulkJob {
  readonly b: string;
}

export type DueJob = DueVolumeJob | DueBulkJob;

/** A job of a node's queue: what the agent is asked for. Nothing of it is secret. */
export interface NodeJob {
  readonly volumeId: string;
  /** The generation that is to be replaced; an agent whose volume is past it has nothing to do. */
  readonly generation: number;
  readonly cause: RenewalCause;
  readonly requestedAtMs: number;
  /** A person requests it: the agent's minimum interval and back-off do not apply. Absent for automatic renewals. */
  readonly requested?: true;
}

/** The word that a renewal waits in its lane, so that the agent's own deadline waits too. */
export interface DeferralJob {
  readonly volumeId: string;
  readonly generation: number;
  /** In milliseconds since the epoch. */
  readonly untilMs: number;
}

/** Names the volume at its generation: what a demand asks to be replaced. */
export function renewalId({
  node,
  volumeId,
  generation,
}: Pick<IndexedVolume, 'node' | 'volumeId' | 'generation'>): string {
  return `${shortHash(node, volumeId)}-${generation}`;
}

/**
 * The id of the one job that may stand for a volume as it is now, in the `due` queue, in its lane and in its node's
 * queue. A new certificate or one more failure makes it another, which is what makes every step safe to do twice.
 * BullMQ refuses ids that are integers or hold a colon.
 */
export function jobId(volume: IndexedVolume): string {
  const attempts = attemptsOf(volume);
  return attempts === 0 ? renewalId(volume) : `${renewalId(volume)}-r${attempts}`;
}

/** Whether one job stands for the volume at both of its states. */
export function isOfSameJob(before: IndexedVolume, after: IndexedVolume): boolean {
  return before.generation === after.generation && attemptsOf(before) === attemptsOf(after);
}

/** The id of the renewal that a job stands for: the job's own without the number of the attempt. */
export function renewalOf(job: string): string {
  return job.replace(/-r\d+$/, '');
}

function attemptsOf({ failure }: IndexedVolume): number {
  return failure?.attempts ?? 0;
}
