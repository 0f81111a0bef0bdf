/** The columns that the table of volumes can show, in their order. */
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
] as const;
/** Names a column. */
export type ColumnName = (typeof columnNames)[number];

/** What is shown unless the address says otherwise. */
export const defaultColumns: readonly ColumnName[] = columnNames.slice(0, 9);

/** Whether a word names a column. */
export function isColumn(word: string): word is ColumnName {
  return columnNames.some((name) => name === word);
}
