import type { JSX } from 'preact';
import type { Node } from '@certfleet/operator-api/nodes.ts';
import { t } from '../messages/messages.ts';
import { Icon } from '../ui/icon.tsx';
import { nodeStatus } from './sorted-nodes.ts';

/** Whether the agent has reported recently. */
export function NodeState({ node }: { readonly node: Node }): JSX.Element {
  const status = nodeStatus(node);
  const isSilent = status === 'silent';
  return (
    <span class={isSilent ? 'state state-overdue' : 'state state-healthy'}>
      <Icon name={isSilent ? 'warning' : 'healthy'} />
      {t.nodes.states[status]}
    </span>
  );
}
