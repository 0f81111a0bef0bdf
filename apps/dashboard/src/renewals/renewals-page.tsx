import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Renewal } from '@certfleet/operator-api/renewals.ts';
import { usePlace, useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { ActionButton } from '../ui/action-button.tsx';
import type { ActionBasis } from '../ui/action-button.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { counted, formatCount } from '../ui/count.ts';
import { Empty, Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';

/** Bulk renewals with their progress. */
export function RenewalsPage(): JSX.Element {
  const { api } = useServices();
  const shownId = new URLSearchParams(usePlace().search).get('id');
  const renewals = useResource({
    key: 'renewals',
    load: (signal) => api.renewals(signal),
    kinds: ['renewals'],
  });
  const [cancellingId, setCancelling] = useState<string | undefined>(undefined);
  // The dialog shows the number of now, not of when it was opened.
  const cancelling = renewals.data?.renewals.find(({ id }) => id === cancellingId);
  return (
    <>
      <PageHead title="Bulk renewals" />
      <Loaded resource={renewals}>
        {({ renewals: list }) =>
          list.length === 0 ? (
            <Empty title="No bulk renewals in the last week">
              <p>
                Certificates are renewed automatically. To renew some now, filter the <a href="/volumes">volumes</a> and
                choose “Renew all that match”.
              </p>
            </Empty>
          ) : (
            <ul class="cards">
              {list.map((renewal) => (
                <RenewalCard
                  key={renewal.id}
                  renewal={renewal}
                  isShown={renewal.id === shownId}
                  on={renewals}
                  onCancel={() => setCancelling(renewal.id)}
                />
              ))}
            </ul>
          )
        }
      </Loaded>
      {cancelling && (
        <ConfirmDialog
          on={renewals}
          title="Cancel this renewal"
          action="Cancel pending renewals"
          onConfirm={() => api.cancelRenewal(cancelling.id).then(renewals.refresh)}
          onClose={() => setCancelling(undefined)}
        >
          <p>
            {counted(cancelling.pending, 'volume')} that have not started return to their planned time. Renewals in the
            queue of a node continue.
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}

const stateLabels: Readonly<Record<Renewal['state'], string>> = {
  starting: 'Starting',
  running: 'Running',
  suspended: 'Suspended',
  cancelled: 'Cancelled',
  finished: 'Finished',
  rejected: 'Rejected',
};

/** A cancelled renewal is not over until the renewals that agents are processing have a result. */
const stateLabel = ({ state, pending }: Renewal): string =>
  state === 'cancelled' && pending > 0 ? 'Cancelling…' : stateLabels[state];

interface RenewalCardProps {
  readonly renewal: Renewal;
  readonly isShown: boolean;
  readonly on: ActionBasis;
  readonly onCancel: () => void;
}

function RenewalCard({ renewal, isShown, on, onCancel }: RenewalCardProps): JSX.Element {
  const { id, state, reason, by, selection, createdAt, total, pending } = renewal;
  const isOpen = state === 'starting' || state === 'running' || state === 'suspended';
  const done = total - pending;
  return (
    <li class={isShown ? 'card shown' : 'card'}>
      <div class="card-head">
        <div>
          <h2>{reason}</h2>
          <p class="dim">
            {selection} · requested by {by} <RelativeTime at={createdAt} />
          </p>
        </div>
        <span class={`word word-${state}`}>{stateLabel(renewal)}</span>
        {isOpen && (
          <ActionButton on={on} onClick={onCancel}>
            Cancel…
          </ActionButton>
        )}
      </div>
      <progress max={Math.max(1, total)} value={done} aria-label={`Progress of ${reason}`} data-renewal={id} />
      <p class="facts">
        <Fact count={done} of={total} word="done" />
        <Fact count={renewal.renewed} word="renewed" />
        <Fact count={pending} word="pending" />
        <Fact count={renewal.failures} word="failed attempts" isBad />
        <Fact count={renewal.gone} word="removed" />
        <Fact count={renewal.cancelled} word="cancelled" />
      </p>
    </li>
  );
}

interface FactProps {
  readonly count: number;
  readonly of?: number;
  readonly word: string;
  readonly isBad?: boolean;
}

function Fact({ count, of, word, isBad = false }: FactProps): JSX.Element | null {
  if (count === 0 && of === undefined) return null;
  return (
    <span class={isBad ? 'bad' : undefined}>
      <strong>{formatCount(count)}</strong>
      {of !== undefined && ` of ${formatCount(of)}`} {word}
    </span>
  );
}
