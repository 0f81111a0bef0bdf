import type { Group, GroupSort } from '@certfleet/operator-api/groups.ts';
import { TopN } from './top-n.ts';

interface Tally {
  readonly value: string;
  count: number;
  atRisk: number;
  soonestMs: number;
}

const byValue = (a: Tally, b: Tally): number => (a.value < b.value ? -1 : 1);

const orders: Readonly<Record<GroupSort, (a: Tally, b: Tally) => number>> = {
  count: (a, b) => b.count - a.count || byValue(a, b),
  'at-risk': (a, b) => b.atRisk - a.atRisk || byValue(a, b),
  // Two groups without an expiry differ by Infinity - Infinity, which is not a number.
  expires: (a, b) => (a.soonestMs === b.soonestMs ? byValue(a, b) : a.soonestMs < b.soonestMs ? -1 : 1),
  value: byValue,
};

/** Counts rows by a value that they have in common. */
export class GroupTally {
  readonly #groups = new Map<string, Tally>();

  /** @param notAfterMs undefined without a certificate */
  add(value: string, isAtRisk: boolean, notAfterMs: number | undefined): void {
    let group = this.#groups.get(value);
    if (group === undefined) this.#groups.set(value, (group = { value, count: 0, atRisk: 0, soonestMs: Infinity }));
    group.count += 1;
    if (isAtRisk) group.atRisk += 1;
    group.soonestMs = Math.min(group.soonestMs, notAfterMs ?? Infinity);
  }

  /** The first groups, and the number of all. */
  first(limit: number, sort: GroupSort = 'count'): { readonly groups: Group[]; readonly total: number } {
    const first = new TopN<Tally>(limit, orders[sort]);
    for (const group of this.#groups.values()) first.offer(group);
    return { groups: first.sorted().map(toGroup), total: this.#groups.size };
  }
}

function toGroup({ value, count, atRisk, soonestMs }: Tally): Group {
  const soonestExpiry = soonestMs === Infinity ? undefined : new Date(soonestMs).toISOString();
  return { value, count, atRisk, ...(soonestExpiry !== undefined && { soonestExpiry }) };
}
