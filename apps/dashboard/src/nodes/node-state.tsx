import type { JSX } from 'preact';
import type { Node } from '@certfleet/operator-api/nodes.ts';
import { Icon } from '../ui/icon.tsx';

/** Whether the agent has reported recently. */
export function NodeState({ node: { isSilent, lastSeen } }: { readonly node: Node }): JSX.Element {
  if (isSilent) {
    return (
      <span class="state state-overdue">
        <Icon name="warning" />
        Silent
      </span>
    );
  }
  return (
    <span class="state state-healthy">
      <Icon name="healthy" />
      {lastSeen === undefined ? 'Enrolling' : 'Online'}
    </span>
  );
}
