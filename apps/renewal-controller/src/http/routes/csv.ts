/**
 * Formats one line of CSV (RFC 4180). Names come from pods and issuers, so a cell that a spreadsheet would run as a
 * formula (OWASP, CSV injection) is prefixed by an apostrophe.
 */
export function csvLine(cells: readonly (string | number | undefined)[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

function csvCell(value: string | number | undefined = ''): string {
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) || text !== value ? `"${text.replaceAll('"', '""')}"` : text;
}
