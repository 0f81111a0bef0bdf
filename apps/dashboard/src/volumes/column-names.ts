/** The available columns of the table of volumes, in order. */
export const columnNames = [
  'pod',
  'namespace',
  'node',
  'issuer',
  'expires',
  'renews',
  'state',
  'attempts',
  'error',
  'volume',
  'generation',
  'key',
  'cause',
  'issued',
  'serial',
  'subject',
  'dns',
  'served',
  'workload',
  'labels',
  'signature',
  'lifetime',
  'usages',
  'ca',
  'risk',
  'advice',
] as const;
export type ColumnName = (typeof columnNames)[number];

/** The columns that are shown unless the address selects others. */
export const defaultColumns: readonly ColumnName[] = columnNames.slice(0, 9);

export function isColumn(word: string): word is ColumnName {
  return columnNames.some((name) => name === word);
}

/** The columns of the volumes at risk. */
export const riskColumns: readonly ColumnName[] = ['pod', 'namespace', 'node', 'issuer', 'expires', 'risk', 'advice'];
