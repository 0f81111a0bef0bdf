import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import type { Outcome, Settlement } from '../lanes/lane-admission.ts';
import { cooldownAfterMs } from './renewal-schedule.ts';

/** What a report that ended a renewal means for its lane and for the volume's next one. */
export function endOf(
  outcome: Outcome,
  current: IndexedVolume | undefined,
  nowMs: number,
): Pick<Settlement, 'error' | 'restMs'> {
  const error = current?.failure?.message;
  return {
    ...(error !== undefined && { error }),
    ...(outcome !== 'gone' && current !== undefined && { restMs: cooldownAfterMs(current, nowMs) }),
  };
}

/** What those who asked for the renewal of `previous` hear; undefined when it is still to come. */
export function renewalEnd(
  previous: IndexedVolume,
  outcome: Outcome,
  current: IndexedVolume | undefined,
): 'renewed' | 'gone' | 'failed' | undefined {
  if (outcome === 'failed') return 'failed';
  if (current === undefined) return 'gone';
  return current.generation === previous.generation ? undefined : 'renewed';
}

/** A new generation is a success, whoever brought it about; one more failed try is a failure. */
export function outcomeOf(previous: IndexedVolume, current: IndexedVolume | undefined): Outcome {
  if (current === undefined) return 'gone';
  if (current.generation !== previous.generation) return 'ok';
  return (current.failure?.attempts ?? 0) > (previous.failure?.attempts ?? 0) ? 'failed' : 'gone';
}
