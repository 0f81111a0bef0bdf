import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import type { DispatchCause } from '@certfleet/fleet-model/issuance-causes.ts';
import type { WaitReason } from '@certfleet/fleet-model/vocabulary.ts';
import type { Outcome } from '../lanes/lane-admission.ts';

/**
 * Receives the events of the dispatcher, for example for metrics. Called in the hot path: must be fast and must not
 * throw.
 */
export interface DispatchObserver {
  /** A renewal was dispatched to its node's queue, `latenessMs` after its due time. */
  dispatched(volume: IndexedVolume, how: { cause: DispatchCause; latenessMs: number; urgent: boolean }): void;
  /** A lane delayed a renewal. */
  delayed(volume: IndexedVolume, reason: WaitReason, waitMs: number): void;
  /** A report contained the result of a renewal, or the volume was removed. */
  settled(volume: IndexedVolume, outcome: Outcome): void;
}

export const noObserver: DispatchObserver = {
  dispatched: () => undefined,
  delayed: () => undefined,
  settled: () => undefined,
};
