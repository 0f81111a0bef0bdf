import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Renewal } from '@certfleet/operator-api/renewals.ts';
import { usePlace, useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { ActionButton } from '../ui/action-button.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { counted, formatCount } from '../ui/count.ts';
import { Empty, Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';

/** Renewals that people asked for, each with its progress. */
export function RenewalsPage(): JSX.Element {
  const { api } = useServices();
  const shownId = new URLSearchParams(usePlace().search).get('id');
  const renewals = useResource({
    key: 'renewals',
    load: (signal) => api.renewals(signal),
    kinds: ['renewals'],
  });
  const [cancelling, setCancelling] = useState<Renewal | undefined>(undefined);
  return (
    <>
      <PageHead title="Bulk renewals" />
      <Loaded resource={renewals}>
        {({ renewals: list }) =>
          list.length === 0 ? (
            <Empty title="Nobody has asked for renewals in the last week">
              <p>
                Certificates renew by themselves. To have some renewed now, filter the <a href="/volumes">volumes</a>{' '}
                and choose “Renew all that match”.
              </p>
            </Empty>
          ) : (
            <ul class="cards">
              {list.map((renewal) => (
                <RenewalCard
                  key={renewal.id}
                  renewal={renewal}
                  isShown={renewal.id === shownId}
                  onCancel={() => setCancelling(renewal)}
                />
              ))}
            </ul>
          )
        }
      </Loaded>
      {cancelling && (
        <ConfirmDialog
          title="Cancel this renewal"
          action="Cancel the rest"
          onConfirm={() => api.cancelRenewal(cancelling.id).then(renewals.refresh)}
          onClose={() => setCancelling(undefined)}
        >
          <p>
            {counted(cancelling.pending, 'volume')} that have not started return to their own time. What was handed to a
            node goes on.
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}

const stateLabels: Readonly<Record<Renewal['state'], string>> = {
  starting: 'Starting',
  running: 'Running',
  cancelled: 'Cancelled',
  finished: 'Finished',
};

interface RenewalCardProps {
  readonly renewal: Renewal;
  readonly isShown: boolean;
  readonly onCancel: () => void;
}

function RenewalCard({ renewal, isShown, onCancel }: RenewalCardProps): JSX.Element {
  const { id, state, reason, by, selection, createdAt, total, pending } = renewal;
  const isOpen = state === 'starting' || state === 'running';
  const done = total - pending;
  return (
    <li class={isShown ? 'card shown' : 'card'}>
      <div class="card-head">
        <div>
          <h2>{reason}</h2>
          <p class="dim">
            {selection} · asked for by {by} <RelativeTime at={createdAt} />
          </p>
        </div>
        <span class={`word word-${state}`}>{stateLabels[state]}</span>
        {isOpen && <ActionButton onClick={onCancel}>Cancel…</ActionButton>}
      </div>
      <progress max={Math.max(1, total)} value={done} aria-label={`Progress of ${reason}`} data-renewal={id} />
      <p class="facts">
        <Fact count={done} of={total} word="done" />
        <Fact count={renewal.renewed} word="renewed" />
        <Fact count={pending} word="to go" />
        <Fact count={renewal.failures} word="failed tries" isBad />
        <Fact count={renewal.gone} word="left the fleet" />
        <Fact count={renewal.cancelled} word="taken back" />
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
