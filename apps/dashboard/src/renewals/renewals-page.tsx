import type { JSX } from 'preact';
import type { Renewal } from '@certfleet/operator-api/renewals.ts';
import { usePlace, useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import type { Resource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { renewalHref } from '../routing/route.ts';
import { Empty, Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { isOpen, RenewalFacts, stateLabel } from './renewal-facts.tsx';
import { RenewalActions } from './renewal-page.tsx';

/** Renewals on demand with their progress. */
export function RenewalsPage(): JSX.Element {
  const { api } = useServices();
  const shownId = new URLSearchParams(usePlace().search).get('id');
  const renewals = useResource({
    key: 'renewals',
    load: (signal) => api.renewals(signal),
    kinds: ['renewals'],
  });
  return (
    <>
      <PageHead title={t.renewals.title} />
      <Loaded resource={renewals}>
        {({ renewals: list }) =>
          list.length === 0 ? (
            <Empty title={t.renewals.none}>
              <p>
                {t.renewals.noneText((text) => (
                  <a href="/volumes">{text}</a>
                ))}
              </p>
            </Empty>
          ) : (
            <ul class="cards">
              {list.map((renewal) => (
                <RenewalCard key={renewal.id} renewal={renewal} isShown={renewal.id === shownId} on={renewals} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </>
  );
}

interface RenewalCardProps {
  readonly renewal: Renewal;
  readonly isShown: boolean;
  readonly on: Resource<unknown>;
}

function RenewalCard({ renewal, isShown, on }: RenewalCardProps): JSX.Element {
  const { id, state, reason, by, selection, createdAt } = renewal;
  return (
    <li class={isShown ? 'card shown' : 'card'}>
      <div class="card-head">
        <div>
          <h2>
            <a href={renewalHref(id)}>{reason}</a>
          </h2>
          <p class="dim">{t.renewals.requestedBy({ subject: selection, by, at: <RelativeTime at={createdAt} /> })}</p>
        </div>
        <span class={`word word-${state}`}>{stateLabel(renewal)}</span>
        {isOpen(renewal) && <RenewalActions renewal={renewal} on={on} onDone={on.refresh} />}
      </div>
      <RenewalFacts renewal={renewal} />
    </li>
  );
}
