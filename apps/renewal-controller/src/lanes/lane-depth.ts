import { issuerKey } from '../fleet-index/volume-state.ts';
import type { LaneState } from './lane-state.ts';

/** Whether a lane moves, or what keeps it. */
export type LaneStanding = 'open' | 'paused' | 'resting' | 'window';

/** What waits in a lane, and whether it moves. */
export interface LaneDepth extends Pick<LaneState, 'queued' | 'parked' | 'inFlight'> {
  /** The issuer as one word. */
  readonly key: string;
  readonly standing: LaneStanding;
}

/** How a lane stands at a time: what holds first of a pause, a rest after failures, and windows that are all shut. */
export function laneStanding(
  { paused, backoffUntilMs = 0 }: Pick<LaneState, 'paused' | 'backoffUntilMs'>,
  { nowMs, opensInMs }: { readonly nowMs: number; readonly opensInMs: number },
): LaneStanding {
  if (paused !== undefined) return 'paused';
  if (backoffUntilMs > nowMs) return 'resting';
  return opensInMs > 0 ? 'window' : 'open';
}

/** A lane's state as far as its depth goes. */
export function laneDepth(state: LaneState, at: { readonly nowMs: number; readonly opensInMs: number }): LaneDepth {
  const { issuer, queued, parked, inFlight } = state;
  return { key: issuerKey(issuer), queued, parked, inFlight, standing: laneStanding(state, at) };
}
