import type { JSX } from 'preact';
import type { Node } from '@certfleet/operator-api/nodes.ts';
import { usePlace, useServices } from '../app/services.ts';
import { StateBar } from '../charts/state-bar.tsx';
import { useResource } from '../live/use-resource.ts';
import { nodeHref } from '../routing/route.ts';
import { counted, formatCount } from '../ui/count.ts';
import { DataTable } from '../ui/data-table.tsx';
import type { Column } from '../ui/data-table.tsx';
import { Empty, Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { SearchBox } from '../volumes/search-box.tsx';
import { NodeState } from './node-state.tsx';
import { isNodeSort, sortedNodes } from './sorted-nodes.ts';

const columns: readonly Column<Node>[] = [
  { name: 'node', title: 'Node', isSortable: true, cell: ({ node }) => <a href={nodeHref(node)}>{node}</a> },
  { name: 'agent', title: 'Agent', isSortable: true, cell: (node) => <NodeState node={node} /> },
  {
    name: 'seen',
    title: 'Last seen',
    isSortable: true,
    isNumber: true,
    cell: ({ lastSeen }) => <RelativeTime at={lastSeen} />,
  },
  { name: 'volumes', title: 'Volumes', isSortable: true, isNumber: true, cell: ({ volumes }) => formatCount(volumes) },
  { name: 'states', title: 'By state', cell: ({ byState }) => <StateBar counts={byState} /> },
  {
    name: 'troubled',
    title: 'Failing or overdue',
    isSortable: true,
    isNumber: true,
    cell: ({ byState }) => {
      const troubled = byState.failing + byState.overdue + byState.expired;
      return troubled === 0 ? <span class="none">–</span> : <strong class="bad">{formatCount(troubled)}</strong>;
    },
  },
  { name: 'version', title: 'Version', cell: ({ agentVersion }) => agentVersion },
];

/** All nodes, silent and failing ones first. */
export function NodesPage(): JSX.Element {
  const { api, router } = useServices();
  const query = new URLSearchParams(usePlace().search);
  const search = query.get('search') ?? '';
  const by = query.get('sort') ?? 'agent';
  const sort = isNodeSort(by) ? by : 'agent';
  const order = query.get('order') === 'desc' ? 'desc' : 'asc';
  const nodes = useResource({ key: 'nodes', load: (signal) => api.nodes(signal), kinds: ['nodes', 'volumes'] });
  const go = (change: Readonly<Record<string, string>>): void => {
    const kept = Object.entries({ search, sort, order, ...change }).filter(([, value]) => value !== '');
    router.go(`/nodes?${new URLSearchParams(kept).toString()}`, { replace: true });
  };
  const onSort = (name: string): void => go({ sort: name, order: name === sort && order === 'asc' ? 'desc' : 'asc' });
  return (
    <>
      <PageHead
        title="Nodes"
        aside={nodes.data && <span class="dim">{counted(nodes.data.nodes.length, 'node')}</span>}
      />
      <div class="filters">
        <SearchBox label="Search nodes" value={search} onSearch={(text) => go({ search: text })} />
      </div>
      <Loaded resource={nodes}>
        {({ nodes: all }) => {
          const found = sortedNodes(all, { search, sort, order });
          return found.length === 0 ? (
            <Empty title={all.length === 0 ? 'No nodes yet' : 'No results'}>
              <p>
                {all.length === 0
                  ? 'An agent connects when it is configured with the address of this controller.'
                  : 'Search for a part of the node’s name.'}
              </p>
            </Empty>
          ) : (
            <DataTable
              caption="Nodes and their agents"
              columns={columns}
              rows={found}
              keyOf={({ node }) => node}
              sorting={{ by: sort, order, onSort }}
            />
          );
        }}
      </Loaded>
    </>
  );
}
