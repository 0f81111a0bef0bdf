import type { JSX } from 'preact';
import type { LaneStatus, VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import { t } from '../messages/messages.ts';
import { Icon } from './icon.tsx';

/** A state as shape, colour and text. */
export function StateBadge({ state }: { readonly state: VolumeStatus | LaneStatus }): JSX.Element {
  return (
    <span class={`state state-${state}`}>
      <Icon name={state} />
      {t.states[state]}
    </span>
  );
}
