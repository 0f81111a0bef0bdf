import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Renewal, RenewalDetail } from '@certfleet/operator-api/renewals.ts';
import { useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { auditHref } from '../routing/route.ts';
import { ActionButton } from '../ui/action-button.tsx';
import type { ActionBasis } from '../ui/action-button.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { formatCount } from '../ui/count.ts';
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
        parent={{ href: '/renewals', title: t.views.renewals }}
        aside={data && <span class={`word word-${data.state}`}>{stateLabel(data)}</span>}
      >
        {data && isOpen(data) && <RenewalActions renewal={data} on={renewal} onDone={renewal.refresh} />}
      </PageHead>
      <Loaded resource={renewal}>
        {(detail) => (
          <>
            <section class="panel" aria-label={t.renewals.progress}>
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
          {t.renewals.approve}
        </ActionButton>
      )}
      {isApproving && (
        <ConfirmDialog
          on={on}
          title={t.renewals.approveTitle}
          action={t.renewals.approveAction}
          onConfirm={() => api.approveRenewal(id).then(onDone)}
          onClose={() => setApproving(false)}
        >
          <RenewalFacts renewal={renewal} />
          <p>{t.renewals.approveText}</p>
        </ConfirmDialog>
      )}
      <ActionButton on={on} onClick={change}>
        {isSuspended ? t.renewals.resume : t.renewals.suspend}
      </ActionButton>
      <ActionButton on={on} onClick={() => setCancelling(true)}>
        {t.renewals.cancel}
      </ActionButton>
      {isCancelling && (
        <ConfirmDialog
          on={on}
          title={t.renewals.cancelTitle}
          action={t.renewals.cancelAction}
          onConfirm={() => api.cancelRenewal(id).then(onDone)}
          onClose={() => setCancelling(false)}
        >
          <p>{t.renewals.cancelText(pending)}</p>
        </ConfirmDialog>
      )}
    </>
  );
}

const { course } = t.renewals;

/** Why no end is expected; undefined if the renewal is not running. */
function unknownEnd(perMinute: number | undefined): string | undefined {
  if (perMinute === undefined) return undefined;
  return perMinute === 0 ? course.unknownEnd : course.openEnd;
}

function Pace({ detail }: { readonly detail: RenewalDetail }): JSX.Element {
  const { id, by, selection, createdAt, startedAt, endedAt, perMinute, expectedEnd, ignoreWindows } = detail;
  const { canary, stopAfterFailures } = detail;
  return (
    <FactList
      title={course.title}
      facts={[
        [
          course.selection,
          <span class="wrap" key="selection">
            {selection}
          </span>,
        ],
        [course.requested, requestedBy(by, createdAt)],
        [course.started, startedAt && <RelativeTime at={startedAt} />],
        [course.ended, endedAt && <RelativeTime at={endedAt} />],
        [t.fields.rate, perMinute === undefined ? undefined : course.perMinute(perMinute)],
        [course.expectedEnd, expectedEnd ? <RelativeTime at={expectedEnd} /> : unknownEnd(perMinute)],
        [t.fields.windows, ignoreWindows ? course.windowsIgnored : undefined],
        [t.fields.canary, canary && t.counts.volumes(canary.total)],
        [t.fields.approved, canary?.approvedAt && requestedBy(canary.approvedBy ?? '', canary.approvedAt)],
        [course.stopsAfter, stopAfterFailures === undefined ? undefined : t.counts.failedAttempts(stopAfterFailures)],
        [
          t.fields.audit,
          <a key="audit" href={auditHref({ target: id })}>
            {course.actions}
          </a>,
        ],
      ]}
    />
  );
}

function requestedBy(by: string, createdAt: string): JSX.Element {
  return <>{course.by({ by, at: <RelativeTime at={createdAt} /> })}</>;
}

const texts = t.renewals.waiting;

function Waiting({ detail: { waiting, pending } }: { readonly detail: RenewalDetail }): JSX.Element {
  return (
    <section class="panel" aria-labelledby="waiting">
      <div class="panel-head">
        <h2 id="waiting">{texts.title}</h2>
      </div>
      {waiting.length === 0 ? (
        <p class="dim">{pending === 0 ? texts.none : texts.notReported(pending)}</p>
      ) : (
        <DataTable
          caption={texts.caption}
          rows={waiting}
          keyOf={({ reason }) => reason}
          columns={[
            { name: 'reason', title: t.fields.reason, cell: ({ reason }) => texts.reasons[reason] },
            { name: 'count', title: t.fields.volumes, isNumber: true, cell: ({ count }) => formatCount(count) },
            { name: 'until', title: t.fields.until, isNumber: true, cell: ({ until }) => <RelativeTime at={until} /> },
          ]}
        />
      )}
    </section>
  );
}

const columns = ['pod', 'namespace', 'node', 'issuer', 'expires', 'state', 'error'] as const;

function Pending({ detail: { volumes, pending } }: { readonly detail: RenewalDetail }): JSX.Element | null {
  if (volumes.length === 0) return pending === 0 ? null : <Empty title={t.renewals.pending.none} />;
  return (
    <section class="panel" aria-labelledby="pending">
      <div class="panel-head">
        <h2 id="pending">{t.renewals.pending.title}</h2>
        {pending > volumes.length && (
          <span class="dim">{t.renewals.pending.first({ shown: volumes.length, total: pending })}</span>
        )}
      </div>
      <DataTable
        caption={t.renewals.pending.caption}
        rows={volumes}
        keyOf={keyOfVolume}
        columns={columns.map((name) => ({ ...volumeColumns[name], name, isSortable: false }))}
      />
    </section>
  );
}
