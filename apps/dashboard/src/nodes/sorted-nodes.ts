import type { Node } from '@certfleet/operator-api/nodes.ts';

const sortKeys = {
  node: ({ node }: Node) => node,
  // Silent ones first.
  agent: ({ isSilent, node }: Node) => `${isSilent ? 0 : 1}${node}`,
  seen: ({ lastSeen }: Node) => lastSeen ?? '',
  volumes: ({ volumes }: Node) => volumes,
  troubled: ({ byState }: Node) => byState.failing + byState.overdue + byState.expired,
} as const;
/** The sortable columns of the table of nodes. */
export type NodeSort = keyof typeof sortKeys;

export const isNodeSort = (word: string): word is NodeSort => Object.hasOwn(sortKeys, word);

/** What the column of the agent shows. */
export const nodeStatuses = ['silent', 'enrolling', 'online'] as const;
export type NodeStatus = (typeof nodeStatuses)[number];

export function nodeStatus({ isSilent, lastSeen }: Node): NodeStatus {
  if (isSilent) return 'silent';
  return lastSeen === undefined ? 'enrolling' : 'online';
}

export interface NodeQuery {
  readonly search: string;
  /** Only nodes in this state. */
  readonly state?: NodeStatus | undefined;
  readonly sort: NodeSort;
  readonly order: 'asc' | 'desc';
}

/** The nodes whose names contain the text, sorted; equal ones by name. */
export function sortedNodes(nodes: readonly Node[], { search, state, sort, order }: NodeQuery): readonly Node[] {
  const key = sortKeys[sort];
  const sign = order === 'asc' ? 1 : -1;
  const wanted = search.toLowerCase();
  return nodes
    .filter((node) => node.node.toLowerCase().includes(wanted) && (state === undefined || nodeStatus(node) === state))
    .map((node) => ({ node, key: key(node) }))
    .sort((a, b) => (a.key < b.key ? -sign : a.key > b.key ? sign : a.node.node < b.node.node ? -1 : 1))
    .map(({ node }) => node);
}
