import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { AuditEntry } from '@certfleet/operator-api/audit.ts';
import { usePlace, useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { DataTable } from '../ui/data-table.tsx';
import type { Column } from '../ui/data-table.tsx';
import { Icon } from '../ui/icon.tsx';
import { Menu } from '../ui/menu.tsx';
import { Empty, Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { AuditFilters } from './audit-filters.tsx';
import { auditLinks } from './audit-links.ts';
import { auditQuery, formatAuditView, parseAuditView } from './audit-view.ts';
import type { AuditView } from './audit-view.ts';

const none = <span class="none">–</span>;
const columns: readonly Column<AuditEntry>[] = [
  { name: 'at', title: t.fields.time, cell: ({ at }) => <RelativeTime at={at} /> },
  { name: 'who', title: t.fields.user, cell: ({ who }) => <span class="wrap">{who}</span> },
  {
    name: 'action',
    title: t.fields.action,
    cell: ({ action, outcome = 'done' }) => t.audit.outcomes[outcome](t.audit.actions[action]),
  },
  { name: 'target', title: t.fields.target, cell: (entry) => <Target entry={entry} /> },
  {
    name: 'reason',
    title: t.fields.reason,
    cell: ({ reason }) => (reason ? <span class="wrap">{reason}</span> : none),
  },
  {
    name: 'detail',
    title: t.fields.outcome,
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
          <Icon name="download" /> {t.common.export}
        </>
      }
    >
      <a class="menu-item" href={hrefOf('csv')} download="audit.csv">
        {t.common.asCsv}
      </a>
      <a class="menu-item" href={hrefOf('json')} download="audit.json">
        {t.common.asJson}
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
      <PageHead title={t.views.auditLog} />
      <div class="notice notice-critical" role="alert">
        <Icon name="critical" />
        <p>
          {t.common.unusableFilterShow({
            filter: <code>{problems.join(' ')}</code>,
            showAll: <a href="/audit">{t.audit.showAll}</a>,
          })}
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
      <PageHead title={t.views.auditLog}>
        <AuditExport view={view} />
      </PageHead>
      <AuditFilters view={view} onChange={(changed) => router.go(formatAuditView(changed))} />
      <Loaded resource={audit} keepsPrevious>
        {({ entries, next }) =>
          entries.length === 0 && isFiltered ? (
            <Empty title={t.common.noResults} />
          ) : entries.length === 0 ? (
            <Empty title={t.audit.none}>
              <p>{t.audit.noneText}</p>
            </Empty>
          ) : (
            <>
              <DataTable caption={t.audit.caption} columns={columns} rows={entries} keyOf={({ id }) => id} />
              <nav class="pager" aria-label={t.common.pages}>
                {after !== undefined && <a href={formatAuditView({ filters, after: undefined })}>{t.audit.latest}</a>}
                {next !== undefined && <a href={formatAuditView({ filters, after: next })}>{t.audit.earlier}</a>}
              </nav>
            </>
          )
        }
      </Loaded>
    </>
  );
}
