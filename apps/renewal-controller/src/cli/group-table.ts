import type { Group } from '@certfleet/operator-api/groups.ts';
import { distance, table } from './table.ts';

/** @param titles of the common value and of the number of rows */
export function groupTable(
  { groups, total }: { readonly groups: readonly Group[]; readonly total: number },
  titles: readonly [value: string, count: string],
  nowMs: number,
): string {
  const rows = groups.map(({ value, count, atRisk, soonestExpiry }) => [
    value === '' ? '(none)' : value,
    String(count),
    String(atRisk),
    distance(soonestExpiry, nowMs),
  ]);
  const shown = table(
    [...titles, 'at risk', 'soonest expiry in'].map((title) => title.toUpperCase()),
    rows,
  );
  const rest = total - groups.length;
  return rest === 0 ? shown : `${shown}and ${rest} more\n`;
}
