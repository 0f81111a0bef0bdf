import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { AuditEntry } from '@certfleet/operator-api/audit.ts';
import { usePlace, useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { DataTable } from '../ui/data-table.tsx';
import type { Column } from '../ui/data-table.tsx';
import { Icon } from '../ui/icon.tsx';
import { Menu } from '../ui/menu.tsx';
import { Empty, Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { AuditFilters } from './audit-filters.tsx';
import { auditActionTitles } from './audit-action-titles.ts';
import { auditLinks } from './audit-links.ts';
import { auditQuery, formatAuditView, parseAuditView } from './audit-view.ts';
import type { AuditView } from './audit-view.ts';

const outcomes: Readonly<Record<NonNullable<AuditEntry['outcome']>, string>> = {
  started: ' (outcome unknown)',
  done: '',
  failed: ' (failed)',
  refused: ' (refused)',
};

const none = <span class="none">–</span>;
const columns: readonly Column<AuditEntry>[] = [
  { name: 'at', title: 'Time', cell: ({ at }) => <RelativeTime at={at} /> },
  { name: 'who', title: 'User', cell: ({ who }) => <span class="wrap">{who}</span> },
  {
    name: 'action',
    title: 'Action',
    cell: ({ action, outcome = 'done' }) => auditActionTitles[action] + outcomes[outcome],
  },
  { name: 'target', title: 'Target', cell: (entry) => <Target entry={entry} /> },
  { name: 'reason', title: 'Reason', cell: ({ reason }) => (reason ? <span class="wrap">{reason}</span> : none) },
  {
    name: 'detail',
    title: 'Outcome',
    cell: ({ detail }) => (detail ? <span class="wrap">{detail}</span> : none),
  },
];

/** The target of an entry, with links to what it names. */
function Target({ entry }: { readonly entry: AuditEntry }): JSX.Element {
  return (
    <span class="wrap">
      {entry.target}
      {auditLinks(entry).map(({ href, text }) => (
        <>
          {' '}
          <a key={href} class="more" href={href}>
            {text}
          </a>
        </>
      ))}
    </span>
  );
}

function AuditExport({ view }: { readonly view: AuditView }): JSX.Element {
  const { serverClock } = useServices();
  const hrefOf = (format: string): string => {
    const query = auditQuery({ ...view, after: undefined }, serverClock.now());
    query.set('format', format);
    return `/api/v1/audit/export?${query.toString()}`;
  };
  return (
    <Menu
      label={
        <>
          <Icon name="download" /> Export
        </>
      }
    >
      <a class="menu-item" href={hrefOf('csv')} download="audit.csv">
        As CSV
      </a>
      <a class="menu-item" href={hrefOf('json')} download="audit.json">
        As JSON
      </a>
    </Menu>
  );
}

/** The audit log, latest first. */
export function AuditPage(): JSX.Element {
  const { search } = usePlace();
  const view = useMemo(() => parseAuditView(search), [search]);
  return view.problems.length > 0 ? <UnusableAddress problems={view.problems} /> : <AuditLog view={view} />;
}

function UnusableAddress({ problems }: { readonly problems: readonly string[] }): JSX.Element {
  return (
    <>
      <PageHead title="Audit log" />
      <div class="notice notice-critical" role="alert">
        <Icon name="critical" />
        <p>
          The address has a filter that is unknown or has an unusable value: <code>{problems.join(' ')}</code>.{' '}
          <a href="/audit">Show all entries</a>
        </p>
      </div>
    </>
  );
}

function AuditLog({ view }: { readonly view: AuditView }): JSX.Element {
  const { api, router, serverClock } = useServices();
  const { after, filters } = view;
  const audit = useResource({
    key: `audit:${auditQuery(view, 0).toString()}`,
    load: (signal) => api.audit(auditQuery(view, serverClock.now()), signal),
    kinds: ['audit'],
  });
  const isFiltered = Object.keys(filters).length > 0;
  return (
    <>
      <PageHead title="Audit log">
        <AuditExport view={view} />
      </PageHead>
      <AuditFilters view={view} onChange={(changed) => router.go(formatAuditView(changed))} />
      <Loaded resource={audit} keepsPrevious>
        {({ entries, next }) =>
          entries.length === 0 && isFiltered ? (
            <Empty title="No results" />
          ) : entries.length === 0 ? (
            <Empty title="No entries yet">
              <p>Renewals that operators request, pauses and sign-ins are recorded here.</p>
            </Empty>
          ) : (
            <>
              <DataTable caption="Audit log, latest first" columns={columns} rows={entries} keyOf={({ id }) => id} />
              <nav class="pager" aria-label="Pages">
                {after !== undefined && <a href={formatAuditView({ filters, after: undefined })}>Latest</a>}
                {next !== undefined && <a href={formatAuditView({ filters, after: next })}>Earlier</a>}
              </nav>
            </>
          )
        }
      </Loaded>
    </>
  );
}
