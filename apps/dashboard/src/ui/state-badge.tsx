import type { JSX } from 'preact';
import type { LaneStatus, VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import { Icon } from './icon.tsx';

/** Labels of the states of volumes and lanes. */
export const stateTitles: Readonly<Record<VolumeStatus | LaneStatus, string>> = {
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
  window: 'Waiting for window',
};

export const stateMeanings: Readonly<Record<VolumeStatus, string>> = {
  expired: 'past its not-after',
  failing: 'the last attempt to renew failed',
  overdue: 'past its fallback deadline',
  'in-flight': 'in the queue of its node, without a result yet',
  due: 'due; waiting in its lane or for its node',
  pending: 'no certificate yet',
  healthy: 'valid and not yet due',
};

/** A state as shape, colour and text. */
export function StateBadge({ state }: { readonly state: VolumeStatus | LaneStatus }): JSX.Element {
  return (
    <span class={`state state-${state}`}>
      <Icon name={state} />
      {stateTitles[state]}
    </span>
  );
}
