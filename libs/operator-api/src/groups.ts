import { Type } from 'typebox';
import type { Static } from 'typebox';
import { count, limit, oneOf, string, time } from './fields.ts';
import { groupSorts } from './vocabulary.ts';

/** How the groups of a table are sorted and limited. */
export const groupSorting = {
  sort: Type.Optional(oneOf(groupSorts, 'Sort key; count if absent. Values ascend, numbers descend')),
  limit,
};

/** Rows of a table that have a value in common. */
export const GroupSchema = Type.Object({
  value: string('Common value; empty for rows without one'),
  count: count('Rows of the group'),
  atRisk: count('Those at risk; see `risk` of a row'),
  soonestExpiry: Type.Optional(time('Earliest not-after of its certificates, which may have passed')),
});
export type Group = Static<typeof GroupSchema>;
export type GroupSort = (typeof groupSorts)[number];
