import type { IssuerName } from '../fleet-index/model/indexed-volume.ts';
import type { LanePolicy } from './lane-policy.ts';

/** Who stopped a lane, and why. */
export interface LanePause {
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
}

/** A lane as it stands. */
export interface LaneState {
  readonly id: string;
  readonly issuer: IssuerName;
  readonly policy: LanePolicy;
  readonly paused: LanePause | undefined;
  /** Renewals started and not answered. */
  readonly inFlight: number;
  /** Renewals with a slot in the line. */
  readonly queued: number;
  /** Renewals that wait for a slot in flight, for their node's share of them, or for the end of a pause. */
  readonly blocked: number;
  /** When the last in the line has its turn; undefined without a line. */
  readonly lineEndsAtMs: number | undefined;
  /** Until when the lane rests after failures; undefined when it does not. */
  readonly backoffUntilMs: number | undefined;
  /** Failures in a row. */
  readonly failureStreak: number;
  /** When those failures began; undefined without any. */
  readonly failingSinceMs: number | undefined;
  /** The part of the lane's pace that is in force, from 1/64 to 1. */
  readonly pace: number;
  readonly lastError: { readonly atMs: number; readonly message: string } | undefined;
}
