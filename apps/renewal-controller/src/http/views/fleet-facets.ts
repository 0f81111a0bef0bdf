import type { FacetQuery } from '@certfleet/operator-api/volume-query.ts';
import type { Facets } from '@certfleet/operator-api/volumes.ts';
import { TopN } from '../../fleet-index/query/top-n.ts';
import type { FleetStats, VolumeTally } from '../../fleet-index/view/fleet-stats.ts';

type Facet = Facets['nodes'][number];

/** Suggestions for the filter boxes: the most frequent values with the given prefix. */
export function fleetFacets(stats: FleetStats, { prefix = '', limit }: FacetQuery): Facets {
  const [namespaces, nodes, issuers] = [stats.namespaces, stats.nodes, stats.issuers].map((tallies) =>
    topFacets(tallies, prefix, limit + 1),
  );
  const all = [namespaces, nodes, issuers].map((found = []) => found);
  const [first = [], second = [], third = []] = all.map((found) => found.slice(0, limit));
  return { namespaces: first, nodes: second, issuers: third, isComplete: all.every(({ length }) => length <= limit) };
}

function topFacets(tallies: ReadonlyMap<string, VolumeTally>, prefix: string, most: number): readonly Facet[] {
  const first = new TopN<Facet>(most, (a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
  for (const [value, { volumes }] of tallies) if (value.startsWith(prefix)) first.offer({ value, count: volumes });
  return first.sorted();
}
