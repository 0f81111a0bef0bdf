import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { shortHash } from '../redis/redis-keys.ts';

/** A volume's job in the `due` queue: node and volume id. Names are short, because every volume has one. */
interface DueVolumeJob {
  readonly n: string;
  readonly v: string;
}

/** The job that begins a bulk renewal. */
interface DueBulkJob {
  readonly b: string;
}

export type DueJob = DueVolumeJob | DueBulkJob;

/** Identifies the volume at its generation, which a renewal request asks to replace. */
export function renewalId({
  node,
  volumeId,
  generation,
}: Pick<IndexedVolume, 'node' | 'volumeId' | 'generation'>): string {
  return `${shortHash(node, volumeId)}-${generation}`;
}

/**
 * The id of the volume's job for its current state: in the `due` queue, in its lane and in its node's queue. A new
 * certificate or one more failure changes the id, which makes every step idempotent. BullMQ rejects ids that are
 * integers or contain a colon.
 */
export function jobId(volume: IndexedVolume): string {
  const attempts = attemptsOf(volume);
  return attempts === 0 ? renewalId(volume) : `${renewalId(volume)}-r${attempts}`;
}

/** Whether the volume has the same job in both states. */
export function isOfSameJob(before: IndexedVolume, after: IndexedVolume): boolean {
  return before.generation === after.generation && attemptsOf(before) === attemptsOf(after);
}

/** The renewal id of a job: the job id without the number of the attempt. */
export function renewalOf(job: string): string {
  return job.replace(/-r\d+$/, '');
}

function attemptsOf({ failure }: IndexedVolume): number {
  return failure?.attempts ?? 0;
}
