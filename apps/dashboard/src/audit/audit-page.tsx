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
  rotate: 'Rotate CA',
  rollback: 'Roll back',
  approve: 'Approve',
  cancel: 'Cancel',
  suspend: 'Suspend',
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
  { name: 'at', title: 'Time', cell: ({ at }) => <RelativeTime at={at} /> },
  { name: 'who', title: 'User', cell: ({ who }) => <span class="wrap">{who}</span> },
  { name: 'action', title: 'Action', cell: ({ action, outcome = 'done' }) => actions[action] + outcomes[outcome] },
  { name: 'target', title: 'Target', cell: ({ target }) => <span class="wrap">{target}</span> },
  { name: 'reason', title: 'Reason', cell: ({ reason }) => (reason ? <span class="wrap">{reason}</span> : none) },
  {
    name: 'detail',
    title: 'Outcome',
    cell: ({ detail }) => (detail ? <span class="wrap">{detail}</span> : none),
  },
];

/** The audit log, latest first. */
export function AuditPage(): JSX.Element {
  const { api } = useServices();
  const after = new URLSearchParams(usePlace().search).get('after') ?? undefined;
  const audit = useResource({
    key: `audit:${after ?? ''}`,
    load: (signal) => api.audit(after, signal),
    kinds: ['audit'],
  });
  return (
    <>
      <PageHead title="Audit log" />
      <Loaded resource={audit}>
        {({ entries, next }) =>
          entries.length === 0 ? (
            <Empty title="No entries yet">
              <p>Renewals that operators request, pauses and sign-ins are recorded here.</p>
            </Empty>
          ) : (
            <>
              <DataTable caption="Audit log, latest first" columns={columns} rows={entries} keyOf={({ id }) => id} />
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
