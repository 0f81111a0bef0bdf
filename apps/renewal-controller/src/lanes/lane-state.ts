import type { IssuerName } from '../fleet-index/model/indexed-volume.ts';
import type { LanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';

export interface LanePause {
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
  /** Name of the LanePolicy that pauses the lane. */
  readonly policy: string;
}

/** The pod certificates of a lane, as their signer reported them last. */
export interface PodCertificateShare {
  /** Requests without a permit. */
  readonly waiting: number;
  readonly inFlight: number;
  /** Until when the signer must have reported again. */
  readonly untilMs: number;
}

export interface LaneState {
  readonly id: string;
  readonly issuer: IssuerName;
  readonly policy: LanePolicy;
  readonly paused: LanePause | undefined;
  /** Renewals and pod certificates started and without a result. */
  readonly inFlight: number;
  /** The share of pod certificates; undefined if no signer uses the lane. */
  readonly podCertificates: PodCertificateShare | undefined;
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
