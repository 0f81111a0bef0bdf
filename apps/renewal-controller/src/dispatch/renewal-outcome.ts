import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import type { Outcome, Settlement } from '../lanes/lane-admission.ts';
import { cooldownAfterMs } from './renewal-schedule.ts';

/** Translates a report that ended a renewal for the lane. */
export function endOf(
  outcome: Outcome,
  current: IndexedVolume | undefined,
  nowMs: number,
): Pick<Settlement, 'error' | 'cooldownMs'> {
  const error = current?.failure?.message;
  return {
    ...(error !== undefined && { error }),
    ...(outcome !== 'gone' && current !== undefined && { cooldownMs: cooldownAfterMs(current, nowMs) }),
  };
}

/** The end of the renewal of `previous` for its requesters; undefined if it is still pending. */
export function renewalEnd(
  previous: IndexedVolume,
  outcome: Outcome,
  current: IndexedVolume | undefined,
): 'renewed' | 'gone' | 'failed' | undefined {
  if (outcome === 'failed') return 'failed';
  if (current === undefined) return 'gone';
  return current.generation === previous.generation ? undefined : 'renewed';
}

/** A new generation is a success, regardless of its cause; one more failed attempt is a failure. */
export function outcomeOf(previous: IndexedVolume, current: IndexedVolume | undefined): Outcome {
  if (current === undefined) return 'gone';
  if (current.generation !== previous.generation) return 'ok';
  return (current.failure?.attempts ?? 0) > (previous.failure?.attempts ?? 0) ? 'failed' : 'gone';
}
