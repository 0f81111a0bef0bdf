import { auditActions } from '@certfleet/operator-api/vocabulary.ts';
import { parseLength } from '../time/relative-time.ts';

const auditFilters = ['who', 'action', 'target', 'since', 'until'] as const;
export type AuditFilterName = (typeof auditFilters)[number];

/** The content of the audit log's address. */
export interface AuditView {
  readonly filters: Readonly<Partial<Record<AuditFilterName, string>>>;
  /** Cursor of the page; undefined on the first. */
  readonly after: string | undefined;
  /** Parts of the address that this page does not understand. */
  readonly problems: readonly string[];
}

export function parseAuditView(search: string): AuditView {
  const query = new URLSearchParams(search);
  const filters = auditFilters.flatMap((name) => {
    const value = query.get(name)?.trim() ?? '';
    return value === '' ? [] : [[name, value] as const];
  });
  const problems = [...query].flatMap(([name, value]) => (isUsable(name, value.trim()) ? [] : [`${name}=${value}`]));
  return { filters: Object.fromEntries(filters), after: query.get('after') ?? undefined, problems };
}

function isUsable(name: string, value: string): boolean {
  if (name === 'after' || value === '') return true;
  if (name === 'action') return auditActions.some((action) => action === value);
  if (name === 'since' || name === 'until') return timeOf(value, 0) !== undefined;
  return auditFilters.some((each) => each === name);
}

export function formatAuditView({ filters, after }: Pick<AuditView, 'filters' | 'after'>): string {
  const query = new URLSearchParams();
  for (const name of auditFilters) if (filters[name] !== undefined) query.set(name, filters[name]);
  if (after !== undefined) query.set('after', after);
  const text = query.toString();
  return text === '' ? '/audit' : `/audit?${text}`;
}

/** The log with one filter set, or without it when the text is empty; from its first page. */
export function withAuditFilter(view: AuditView, name: AuditFilterName, value: string): AuditView {
  const others = Object.entries(view.filters).filter(([each]) => each !== name);
  const filters = Object.fromEntries(value === '' ? others : [...others, [name, value]]);
  return { filters, after: undefined, problems: [] };
}

/** The query for the API; lengths are before now. */
export function auditQuery({ filters, after }: AuditView, nowMs: number): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of auditFilters) {
    const value = filters[name];
    const given = name === 'since' || name === 'until' ? timeOf(value ?? '', nowMs) : value;
    if (given !== undefined) query.set(name, given);
  }
  if (after !== undefined) query.set('after', after);
  return query;
}

function timeOf(value: string, nowMs: number): string | undefined {
  const length = parseLength(value);
  const atMs = length === undefined ? Date.parse(value) : nowMs - length;
  return Number.isNaN(atMs) ? undefined : new Date(atMs).toISOString();
}
