import type { JSX } from 'preact';
import type { Node } from '@certfleet/operator-api/nodes.ts';
import { Icon } from '../ui/icon.tsx';
import { nodeStatus } from './sorted-nodes.ts';
import type { NodeStatus } from './sorted-nodes.ts';

export const nodeStatusTitles: Readonly<Record<NodeStatus, string>> = {
  silent: 'Silent',
  enrolling: 'Enrolling',
  online: 'Online',
};

/** Whether the agent has reported recently. */
export function NodeState({ node }: { readonly node: Node }): JSX.Element {
  const status = nodeStatus(node);
  const isSilent = status === 'silent';
  return (
    <span class={isSilent ? 'state state-overdue' : 'state state-healthy'}>
      <Icon name={isSilent ? 'warning' : 'healthy'} />
      {nodeStatusTitles[status]}
    </span>
  );
}
