import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Renewal, RenewalDetail } from '@certfleet/operator-api/renewals.ts';
import { useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { auditHref } from '../routing/route.ts';
import { ActionButton } from '../ui/action-button.tsx';
import type { ActionBasis } from '../ui/action-button.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { counted, formatCount } from '../ui/count.ts';
import { DataTable } from '../ui/data-table.tsx';
import { FactList } from '../ui/fact-list.tsx';
import { Empty, Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { keyOfVolume } from '../volumes/selection.ts';
import { volumeColumns } from '../volumes/columns.tsx';
import { isOpen, needsApproval, RenewalFacts, stateLabel } from './renewal-facts.tsx';

/** One renewal on demand: how far it is, when it will end, and what its pending volumes wait for. */
export function RenewalPage({ id }: { readonly id: string }): JSX.Element {
  const { api } = useServices();
  const renewal = useResource<RenewalDetail>({
    key: `renewal:${id}`,
    load: (signal) => api.renewal(id, signal),
    kinds: ['renewals', 'volumes'],
  });
  const { data } = renewal;
  return (
    <>
      <PageHead
        title={data?.reason ?? id}
        parent={{ href: '/renewals', title: 'Renewals' }}
        aside={data && <span class={`word word-${data.state}`}>{stateLabel(data)}</span>}
      >
        {data && isOpen(data) && <RenewalActions renewal={data} on={renewal} onDone={renewal.refresh} />}
      </PageHead>
      <Loaded resource={renewal}>
        {(detail) => (
          <>
            <section class="panel" aria-label="Progress">
              <RenewalFacts renewal={detail} />
              {detail.message !== undefined && <p class="dim">{detail.message}</p>}
            </section>
            <div class="panels even">
              <Pace detail={detail} />
              <Waiting detail={detail} />
            </div>
            <Pending detail={detail} />
          </>
        )}
      </Loaded>
    </>
  );
}

interface RenewalActionsProps {
  readonly renewal: Renewal;
  readonly on: ActionBasis;
  readonly onDone: () => void;
}

/** Approves, suspends, resumes and cancels a renewal. */
export function RenewalActions({ renewal, on, onDone }: RenewalActionsProps): JSX.Element {
  const { api, toasts } = useServices();
  const [isCancelling, setCancelling] = useState(false);
  const [isApproving, setApproving] = useState(false);
  const { id, state, pending } = renewal;
  const isSuspended = state === 'suspended' || state === 'stopped';
  const change = (): void =>
    void (isSuspended ? api.resumeRenewal(id) : api.suspendRenewal(id)).then(onDone, (thrown: unknown) => {
      toasts.say({ tone: 'refused', text: thrown instanceof Error ? thrown.message : String(thrown) });
    });
  return (
    <>
      {needsApproval(renewal) && (
        <ActionButton on={on} primary={state === 'awaiting-approval'} onClick={() => setApproving(true)}>
          Approve…
        </ActionButton>
      )}
      {isApproving && (
        <ConfirmDialog
          on={on}
          title="Renew the volumes after the canary"
          action="Approve"
          onConfirm={() => api.approveRenewal(id).then(onDone)}
          onClose={() => setApproving(false)}
        >
          <RenewalFacts renewal={renewal} />
          <p>An approval cannot be withdrawn; the renewal can be suspended or cancelled.</p>
        </ConfirmDialog>
      )}
      <ActionButton on={on} onClick={change}>
        {isSuspended ? 'Resume' : 'Suspend'}
      </ActionButton>
      <ActionButton on={on} onClick={() => setCancelling(true)}>
        Cancel…
      </ActionButton>
      {isCancelling && (
        <ConfirmDialog
          on={on}
          title="Cancel this renewal"
          action="Cancel pending renewals"
          onConfirm={() => api.cancelRenewal(id).then(onDone)}
          onClose={() => setCancelling(false)}
        >
          <p>
            {counted(pending, 'volume')} that have not started return to their planned time. Renewals in the queue of a
            node continue.
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}

function Pace({ detail }: { readonly detail: RenewalDetail }): JSX.Element {
  const { id, by, selection, createdAt, startedAt, endedAt, perMinute, expectedEnd, ignoreWindows } = detail;
  const { canary, stopAfterFailures } = detail;
  return (
    <FactList
      title="Course"
      facts={[
        [
          'Selection',
          <span class="wrap" key="selection">
            {selection}
          </span>,
        ],
        ['Requested', requestedBy(by, createdAt)],
        ['Started', startedAt && <RelativeTime at={startedAt} />],
        ['Ended', endedAt && <RelativeTime at={endedAt} />],
        ['Rate', perMinute === undefined ? undefined : `${formatCount(perMinute)} a minute in the last five minutes`],
        [
          'Expected end',
          expectedEnd ? (
            <RelativeTime at={expectedEnd} />
          ) : perMinute === 0 ? (
            'unknown: nothing was renewed in the last five minutes'
          ) : undefined,
        ],
        ['Windows', ignoreWindows ? 'ignored' : undefined],
        ['Canary', canary && counted(canary.total, 'volume')],
        ['Approved', canary?.approvedAt && requestedBy(canary.approvedBy ?? '', canary.approvedAt)],
        ['Stops after', stopAfterFailures === undefined ? undefined : counted(stopAfterFailures, 'failed attempt')],
        [
          'Audit',
          <a key="audit" href={auditHref({ target: id })}>
            Actions on this renewal
          </a>,
        ],
      ]}
    />
  );
}

function requestedBy(by: string, createdAt: string): JSX.Element {
  return (
    <>
      by {by}, <RelativeTime at={createdAt} />
    </>
  );
}

const waits: Readonly<Record<RenewalDetail['waiting'][number]['reason'], string>> = {
  approval: 'The approval after the canary',
  failing: 'The last attempt failed; the agent retries',
  started: 'Being renewed by the agent',
  'not-started': 'Not in its lane yet',
  paused: 'The lane is paused',
  window: 'Outside the window of the lane',
  rate: 'Rate limit of the lane',
  'in-flight': 'The lane has reached its limit in flight',
  'back-off': 'The lane backs off after failures',
  'node-limit': 'The node has reached its share of the lane',
  'node-silent': 'The node is silent',
};

function Waiting({ detail: { waiting, pending } }: { readonly detail: RenewalDetail }): JSX.Element {
  return (
    <section class="panel" aria-labelledby="waiting">
      <div class="panel-head">
        <h2 id="waiting">What waits, and why</h2>
      </div>
      {waiting.length === 0 ? (
        <p class="dim">
          {pending === 0 ? 'Nothing waits.' : `${counted(pending, 'volume')} of nodes that have not reported yet.`}
        </p>
      ) : (
        <DataTable
          caption="Pending volumes by what they wait for"
          rows={waiting}
          keyOf={({ reason }) => reason}
          columns={[
            { name: 'reason', title: 'Reason', cell: ({ reason }) => waits[reason] },
            { name: 'count', title: 'Volumes', isNumber: true, cell: ({ count }) => formatCount(count) },
            { name: 'until', title: 'Until', isNumber: true, cell: ({ until }) => <RelativeTime at={until} /> },
          ]}
        />
      )}
    </section>
  );
}

const columns = ['pod', 'namespace', 'node', 'issuer', 'expires', 'state', 'error'] as const;

function Pending({ detail: { volumes, pending } }: { readonly detail: RenewalDetail }): JSX.Element | null {
  if (volumes.length === 0) return pending === 0 ? null : <Empty title="No pending volume is reported" />;
  return (
    <section class="panel" aria-labelledby="pending">
      <div class="panel-head">
        <h2 id="pending">Pending volumes</h2>
        {pending > volumes.length && (
          <span class="dim">
            the first {formatCount(volumes.length)} of {formatCount(pending)}, failing ones first
          </span>
        )}
      </div>
      <DataTable
        caption="Pending volumes, failing ones first"
        rows={volumes}
        keyOf={keyOfVolume}
        columns={columns.map((name) => ({ ...volumeColumns[name], name, isSortable: false }))}
      />
    </section>
  );
}
