import type { FacetQuery } from '@certfleet/operator-api/volume-query.ts';
import type { Facets } from '@certfleet/operator-api/volumes.ts';
import { TopN } from '../../fleet-index/query/top-n.ts';
import type { FleetStats, VolumeTally } from '../../fleet-index/view/fleet-stats.ts';

type Facet = Facets['nodes'][number];

/** Suggestions for the filter boxes: the most frequent values with the given prefix. */
export function fleetFacets(stats: FleetStats, { prefix = '', limit }: FacetQuery): Facets {
  const startsWith = (value: string): boolean => value.startsWith(prefix);
  const namespaces = topFacets(stats.namespaces, startsWith, limit + 1);
  const nodes = topFacets(stats.nodes, startsWith, limit + 1);
  const issuers = topFacets(stats.issuers, (key) => [key, ...shownNames(key)].some(startsWith), limit + 1);
  const all = [namespaces, nodes, issuers];
  const [first = [], second = [], third = []] = all.map((found) => found.slice(0, limit));
  return { namespaces: first, nodes: second, issuers: third, isComplete: all.every(({ length }) => length <= limit) };
}

/** The names of an issuer as the page shows them: `name` and `namespace/name`. */
function shownNames(key: string): readonly string[] {
  const [, ...names] = key.split('/');
  return [names.at(-1) ?? '', names.join('/')];
}

function topFacets(
  tallies: ReadonlyMap<string, VolumeTally>,
  isWanted: (value: string) => boolean,
  most: number,
): readonly Facet[] {
  const first = new TopN<Facet>(most, (a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
  for (const [value, { volumes }] of tallies) if (isWanted(value)) first.offer({ value, count: volumes });
  return first.sorted();
}
