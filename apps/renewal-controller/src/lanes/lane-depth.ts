import type { LaneStatus } from '@certfleet/fleet-model/vocabulary.ts';
import { issuerKey } from '../fleet-index/model/indexed-volume.ts';
import type { LaneState, PodCertificateShare } from './lane-state.ts';

/** The depth and the status of a lane. */
export interface LaneDepth extends Pick<LaneState, 'queued' | 'blocked' | 'inFlight'> {
  /** The issuer key. */
  readonly key: string;
  readonly status: LaneStatus;
}

/** The status of a lane at a time: a pause takes precedence over a back-off, and that over closed windows. */
export function laneStatus(
  { paused, backoffUntilMs = 0 }: Pick<LaneState, 'paused' | 'backoffUntilMs'>,
  { nowMs, opensInMs }: { readonly nowMs: number; readonly opensInMs: number },
): LaneStatus {
  if (paused !== undefined) return 'paused';
  if (backoffUntilMs > nowMs) return 'backing-off';
  return opensInMs > 0 ? 'window' : 'open';
}

/** The share of pod certificates at a time; undefined if no signer uses the lane any more. */
export function podCertificateShare(
  { podCertificates }: Pick<LaneState, 'podCertificates'>,
  nowMs: number,
): PodCertificateShare | undefined {
  return podCertificates !== undefined && podCertificates.untilMs > nowMs ? podCertificates : undefined;
}

export function laneDepth(state: LaneState, at: { readonly nowMs: number; readonly opensInMs: number }): LaneDepth {
  const { issuer, queued, blocked, inFlight } = state;
  return { key: issuerKey(issuer), queued, blocked, inFlight, status: laneStatus(state, at) };
}
