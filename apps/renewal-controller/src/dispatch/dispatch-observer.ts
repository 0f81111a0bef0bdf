import type { IndexedVolume } from '../fleet-index/indexed-volume.ts';
import type { WaitReason } from '../fleet-index/renewal-progress.ts';
import type { Outcome } from '../lanes/lane-admission.ts';
import type { RenewalCause } from './renewal-job.ts';

/** Who wants to know what the dispatcher does, as metrics do. Called in the hot path: be quick, do not throw. */
export interface DispatchObserver {
  /** A renewal was handed to its node's queue; how long after its due time, and whether it went before its lane. */
  dispatched(volume: IndexedVolume, how: { cause: RenewalCause; latenessMs: number; urgent: boolean }): void;
  /** A lane did not let a renewal start yet. */
  delayed(volume: IndexedVolume, reason: WaitReason, waitMs: number): void;
  /** A report answered a renewal, or told that the volume is gone. */
  settled(volume: IndexedVolume, outcome: Outcome): void;
}

/** Tells nobody. */
export const noObserver: DispatchObserver = {
  dispatched: () => undefined,
  delayed: () => undefined,
  settled: () => undefined,
};
