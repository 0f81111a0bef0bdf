import type { JSX } from 'preact';
import type { StateCounts } from '../charts/state-bar.tsx';
import { StateBar } from '../charts/state-bar.tsx';
import { t } from '../messages/messages.ts';
import { volumesHref } from '../routing/route.ts';
import { formatCount } from './count.ts';
import { StateBadge } from './state-badge.tsx';
import { stateOrder } from './state-order.ts';

/** The counts, and the filter that selects the counted volumes. */
export interface StateCountListProps {
  readonly byState: StateCounts;
  readonly filter: Readonly<Record<string, string>>;
}

/** Volumes by state with links; states without volumes are omitted. */
export function StateCountList({ byState, filter }: StateCountListProps): JSX.Element {
  return (
    <section class="panel" aria-label={t.ui.volumesByState}>
      <StateBar counts={byState} />
      <ul class="states compact">
        {stateOrder
          .filter((state) => byState[state] > 0)
          .map((state) => (
            <li key={state}>
              <a href={volumesHref({ ...filter, state })} class="state-count">
                <StateBadge state={state} /> <span class="number">{formatCount(byState[state])}</span>
              </a>
            </li>
          ))}
      </ul>
    </section>
  );
}
