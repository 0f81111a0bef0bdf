import type { JSX } from 'preact';
import type { AuditEntry } from '@certfleet/operator-api/audit.ts';
import { usePlace, useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { DataTable } from '../ui/data-table.tsx';
import type { Column } from '../ui/data-table.tsx';
import { Empty, Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';

const actions: Readonly<Record<AuditEntry['action'], string>> = {
  renew: 'Renew',
  cancel: 'Cancel',
  pause: 'Pause',
  resume: 'Resume',
  'sign-in': 'Sign in',
  'sign-out': 'Sign out',
  export: 'Export',
  access: 'Access',
};

const outcomes: Readonly<Record<NonNullable<AuditEntry['outcome']>, string>> = {
  started: ' (outcome unknown)',
  done: '',
  failed: ' (failed)',
  refused: ' (refused)',
};

const none = <span class="none">–</span>;
const columns: readonly Column<AuditEntry>[] = [
  { name: 'at', title: 'When', cell: ({ at }) => <RelativeTime at={at} /> },
  { name: 'who', title: 'Who', cell: ({ who }) => <span class="wrap">{who}</span> },
  { name: 'action', title: 'What', cell: ({ action, outcome = 'done' }) => actions[action] + outcomes[outcome] },
  { name: 'target', title: 'To what', cell: ({ target }) => <span class="wrap">{target}</span> },
  { name: 'reason', title: 'Why', cell: ({ reason }) => (reason ? <span class="wrap">{reason}</span> : none) },
  {
    name: 'detail',
    title: 'What came of it',
    cell: ({ detail }) => (detail ? <span class="wrap">{detail}</span> : none),
  },
];

/** Who did what, the latest first. */
export function AuditPage(): JSX.Element {
  const { api } = useServices();
  const after = new URLSearchParams(usePlace().search).get('after') ?? undefined;
  const audit = useResource({ key: after ?? '', load: (signal) => api.audit(after, signal), kinds: ['audit'] });
  return (
    <>
      <PageHead title="Audit log" />
      <Loaded resource={audit}>
        {({ entries, next }) =>
          entries.length === 0 ? (
            <Empty title="Nobody has done anything yet">
              <p>Renewals that people ask for, pauses and sign-ins are kept here.</p>
            </Empty>
          ) : (
            <>
              <DataTable
                caption="Audit log, the latest first"
                columns={columns}
                rows={entries}
                keyOf={({ id }) => id}
              />
              <nav class="pager" aria-label="Pages">
                {after !== undefined && <a href="/audit">Latest</a>}
                {next !== undefined && <a href={`/audit?after=${encodeURIComponent(next)}`}>Earlier</a>}
              </nav>
            </>
          )
        }
      </Loaded>
    </>
  );
}
