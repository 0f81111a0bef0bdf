import { format, resolveConfig } from 'prettier';
import type { FlagTable } from '../libs/shared/src/flags.ts';

export const code = (text: string): string => `\`${text}\``;
/** Escapes text for a table cell: `*` would begin an emphasis, and `<` an element of HTML. */
export const cell = (text: string): string => text.replaceAll(/[|*<]/g, '\\$&');

export function flagTable(table: FlagTable): string {
  const rows = Object.entries(table).map(([name, flag]) => {
    const fallback = 'repeatable' in flag ? 'repeatable' : (flag.fallback ?? 'required');
    const shown = 'repeatable' in flag || flag.fallback === undefined ? fallback : fallback && code(fallback);
    return `| \`--${name}\`${flag.short === undefined ? '' : `, \`-${flag.short}\``} | ${shown} | ${cell(flag.help)} |`;
  });
  return ['| Flag | Default | Meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

interface MetricDescription {
  readonly name: string;
  readonly type: unknown;
  readonly help: string;
}

/** A table of certfleet's own metrics in a registry. */
export async function metricTable(registry: { getMetricsAsJSON(): Promise<readonly object[]> }): Promise<string> {
  const described = (await registry.getMetricsAsJSON()) as readonly MetricDescription[];
  const rows = described
    .filter(({ name }) => name.startsWith('certfleet_'))
    .map(({ name, type, help }) => `| ${code(name)} | ${String(type)} | ${cell(help)} |`);
  return ['| Metric | Type | Meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

/** Formats a page with the repository's Markdown settings. */
export async function formatPage(page: string, path: string): Promise<string> {
  return format(page, { ...(await resolveConfig(path)), parser: 'markdown' });
}
