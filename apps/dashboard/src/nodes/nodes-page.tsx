import type { JSX } from 'preact';
import type { Node } from '@certfleet/operator-api/nodes.ts';
import { usePlace, useServices } from '../app/services.ts';
import { StateBar } from '../charts/state-bar.tsx';
import { useResource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { nodeHref } from '../routing/route.ts';
import { formatCount } from '../ui/count.ts';
import { DataTable } from '../ui/data-table.tsx';
import type { Column } from '../ui/data-table.tsx';
import { Icon } from '../ui/icon.tsx';
import { Empty, Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { SearchBox } from '../volumes/search-box.tsx';
import { NodeState } from './node-state.tsx';
import { isNodeSort, nodeStatuses, sortedNodes } from './sorted-nodes.ts';
import type { NodeStatus } from './sorted-nodes.ts';

const columns: readonly Column<Node>[] = [
  {
    name: 'node',
    title: t.fields.node,
    isSortable: true,
    cell: ({ node }) => (
      <a class="cut" href={nodeHref(node)} title={node}>
        {node}
      </a>
    ),
  },
  { name: 'agent', title: t.fields.agent, isSortable: true, cell: (node) => <NodeState node={node} /> },
  {
    name: 'seen',
    title: t.fields.lastSeen,
    isSortable: true,
    isNumber: true,
    cell: ({ lastSeen }) => <RelativeTime at={lastSeen} />,
  },
  {
    name: 'volumes',
    title: t.fields.volumes,
    isSortable: true,
    isNumber: true,
    cell: ({ volumes }) => formatCount(volumes),
  },
  { name: 'states', title: t.nodes.byState, cell: ({ byState }) => <StateBar counts={byState} /> },
  {
    name: 'troubled',
    title: t.nodes.troubled,
    isSortable: true,
    isNumber: true,
    cell: ({ byState }) => {
      const troubled = byState.failing + byState.overdue + byState.expired;
      return troubled === 0 ? <span class="none">–</span> : <strong class="bad">{formatCount(troubled)}</strong>;
    },
  },
  { name: 'version', title: t.fields.version, cell: ({ agentVersion }) => agentVersion },
];

/** All nodes, silent and failing ones first. */
export function NodesPage(): JSX.Element {
  const { api, router } = useServices();
  const query = new URLSearchParams(usePlace().search);
  const search = query.get('search') ?? '';
  const given = query.get('state') ?? '';
  const state = nodeStatuses.find((each) => each === given);
  const isUnknown = given !== '' && state === undefined;
  const by = query.get('sort') ?? 'agent';
  const sort = isNodeSort(by) ? by : 'agent';
  const order = query.get('order') === 'desc' ? 'desc' : 'asc';
  const nodes = useResource({ key: 'nodes', load: (signal) => api.nodes(signal), kinds: ['nodes', 'volumes'] });
  const go = (change: Readonly<Record<string, string>>): void => {
    const kept = Object.entries({ search, state: given, sort, order, ...change }).filter(([, value]) => value !== '');
    router.go(`/nodes?${new URLSearchParams(kept).toString()}`, { replace: true });
  };
  const onSort = (name: string): void => go({ sort: name, order: name === sort && order === 'asc' ? 'desc' : 'asc' });
  return (
    <>
      <PageHead
        title={t.views.nodes}
        aside={nodes.data && <span class="dim">{t.counts.nodes(nodes.data.nodes.length)}</span>}
      />
      <NodeFilters search={search} state={state} onChange={go} />
      {isUnknown && <UnknownState state={given} />}
      <Loaded resource={nodes}>
        {({ nodes: all }) => {
          if (isUnknown) return null;
          const found = sortedNodes(all, { search, state, sort, order });
          return found.length === 0 ? (
            <NoNodes isFiltered={all.length > 0} />
          ) : (
            <DataTable
              caption={t.nodes.caption}
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

interface NodeFiltersProps {
  readonly search: string;
  readonly state: NodeStatus | undefined;
  readonly onChange: (change: Readonly<Record<string, string>>) => void;
}

function NodeFilters({ search, state, onChange }: NodeFiltersProps): JSX.Element {
  return (
    <div class="filters">
      <SearchBox label={t.nodes.search} value={search} onSearch={(text) => onChange({ search: text })} />
      <div class="chips" role="group" aria-label={t.common.states}>
        {nodeStatuses.map((each) => (
          <button
            type="button"
            class="chip"
            key={each}
            aria-pressed={each === state}
            onClick={() => onChange({ state: each === state ? '' : each })}
          >
            {t.nodes.states[each]}
          </button>
        ))}
      </div>
    </div>
  );
}

function UnknownState({ state }: { readonly state: string }): JSX.Element {
  return (
    <div class="notice notice-critical" role="alert">
      <Icon name="critical" />
      <p>{t.nodes.unknownState({ state: <code>{state}</code>, known: nodeStatuses })}</p>
    </div>
  );
}

function NoNodes({ isFiltered }: { readonly isFiltered: boolean }): JSX.Element {
  return (
    <Empty title={isFiltered ? t.common.noResults : t.nodes.none}>
      <p>{isFiltered ? t.nodes.noResultsText : t.nodes.noneText}</p>
    </Empty>
  );
}
