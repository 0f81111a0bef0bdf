import type { IssuerName } from '../fleet-index/model/indexed-volume.ts';
import type { LanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';

export interface LanePause {
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
  /** Name of the LanePolicy that pauses the lane; absent for a pause that an earlier release stored in Redis only. */
  readonly policy?: string;
}

/** The state of a lane. */
export interface LaneState {
  readonly id: string;
  readonly issuer: IssuerName;
  readonly policy: LanePolicy;
  readonly paused: LanePause | undefined;
  /** Renewals started and without a result. */
  readonly inFlight: number;
  /** Renewals with a slot in the queue. */
  readonly queued: number;
  /** Renewals that wait for a slot in flight, for their node's share, or for the end of a pause. */
  readonly blocked: number;
  /** When the last queued renewal has its turn; undefined if the queue is empty. */
  readonly queueEndsAtMs: number | undefined;
  /** End of the back-off; undefined if the lane is not backing off. */
  readonly backoffUntilMs: number | undefined;
  /** Consecutive failures. */
  readonly failureStreak: number;
  /** Begin of those failures; undefined without failures. */
  readonly failingSinceMs: number | undefined;
  /** The current fraction of the lane's full pace, from 1/64 to 1. */
  readonly pace: number;
  readonly lastError: { readonly atMs: number; readonly message: string } | undefined;
}
