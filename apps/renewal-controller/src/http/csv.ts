/**
 * A line of CSV as RFC 4180 has it. Names come from pods and issuers: a cell that a spreadsheet would take for a formula
 * (OWASP, CSV injection) begins with an apostrophe, which makes it text.
 */
export function csvLine(cells: readonly (string | number | undefined)[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

function csvCell(value: string | number | undefined = ''): string {
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) || text !== value ? `"${text.replaceAll('"', '""')}"` : text;
}
