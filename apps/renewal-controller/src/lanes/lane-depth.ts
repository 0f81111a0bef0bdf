import { issuerKey } from '../fleet-index/indexed-volume.ts';
import type { LaneState } from './lane-state.ts';

/** Whether a lane moves, or what keeps it. */
export type LaneStatus = 'open' | 'paused' | 'backing-off' | 'window';

/** What waits in a lane, and whether it moves. */
export interface LaneDepth extends Pick<LaneState, 'queued' | 'blocked' | 'inFlight'> {
  /** The issuer as one word. */
  readonly key: string;
  readonly status: LaneStatus;
}

/** How a lane stands at a time: what waits first of a pause, a rest after failures, and windows that are all shut. */
export function laneStatus(
  { paused, backoffUntilMs = 0 }: Pick<LaneState, 'paused' | 'backoffUntilMs'>,
  { nowMs, opensInMs }: { readonly nowMs: number; readonly opensInMs: number },
): LaneStatus {
  if (paused !== undefined) return 'paused';
  if (backoffUntilMs > nowMs) return 'backing-off';
  return opensInMs > 0 ? 'window' : 'open';
}

/** A lane's state as far as its depth goes. */
export function laneDepth(state: LaneState, at: { readonly nowMs: number; readonly opensInMs: number }): LaneDepth {
  const { issuer, queued, blocked, inFlight } = state;
  return { key: issuerKey(issuer), queued, blocked, inFlight, status: laneStatus(state, at) };
}
