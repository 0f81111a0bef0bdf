/** Formats rows in aligned columns for terminals and `grep`. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('   ')
      .trimEnd();
  return [titles, ...rows].map((row) => `${line(row.map(printable))}\n`).join('');
}

/** Allows for small clock differences and the latency of a response. */
const maxSkewMs = 5_000;

/** Names come from pods and issuers. Control characters must not reach the operator's terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?');
}

/** The age of a time, such as `11s ago`. Never negative; a time clearly in the future is reported as clock skew. */
export function age(time: string | undefined, nowMs: number): string {
  if (time === undefined) return '';
  const aheadMs = Date.parse(time) - nowMs;
  if (aheadMs > maxSkewMs) return `0s ago (clock skew of ${distance(time, nowMs)})`;
  return `${distance(new Date(nowMs).toISOString(), Math.min(Date.parse(time), nowMs))} ago`;
}

/** The distance from now to a time, such as `3h12m` or `-5m`. */
export function distance(time: string | undefined, nowMs: number): string {
  if (time === undefined) return '';
  const seconds = Math.round((Date.parse(time) - nowMs) / 1000);
  const size = Math.abs(seconds);
  const sign = seconds < 0 ? '-' : '';
  if (size < 120) return `${sign}${size}s`;
  if (size < 7200) return `${sign}${Math.floor(size / 60)}m${size % 60}s`;
  if (size < 172_800) return `${sign}${Math.floor(size / 3600)}h${Math.floor((size % 3600) / 60)}m`;
  return `${sign}${Math.floor(size / 86_400)}d${Math.floor((size % 86_400) / 3600)}h`;
}
