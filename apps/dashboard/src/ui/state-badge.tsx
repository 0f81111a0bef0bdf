import type { JSX } from 'preact';
import type { laneStates, VolumeStatus } from '@certfleet/operator-api/vocabulary.ts';
import { Icon } from './icon.tsx';

type LaneText = (typeof laneStates)[number];

/** The states of volumes and lanes as people read them. */
export const stateTitles: Readonly<Record<VolumeStatus | LaneText, string>> = {
  expired: 'Expired',
  failing: 'Failing',
  overdue: 'Overdue',
  'in-flight': 'In flight',
  due: 'Due',
  pending: 'Pending',
  healthy: 'Healthy',
  open: 'Open',
  paused: 'Paused',
  'backing-off': 'Backing off',
  window: 'Waits for window',
};

/** What each state of a volume means. */
export const stateMeanings: Readonly<Record<VolumeStatus, string>> = {
  expired: 'past its not-after',
  failing: 'the last try to renew failed',
  overdue: 'past its renewal time and the grace of its agent',
  'in-flight': 'handed to its node, not answered yet',
  due: 'its time has come; it waits in its lane or for its node',
  pending: 'has no certificate yet',
  healthy: 'valid, and its renewal lies ahead',
};

/** A state by shape, colour and word. */
export function StateBadge({ state }: { readonly state: VolumeStatus | LaneText }): JSX.Element {
  return (
    <span class={`state state-${state}`}>
      <Icon name={state} />
      {stateTitles[state]}
    </span>
  );
}
