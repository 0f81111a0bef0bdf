import type { JSX } from 'preact';
import type { Lane } from '@certfleet/operator-api/lanes.ts';
import { t } from '../messages/messages.ts';
import { RelativeTime } from '../ui/relative-time.tsx';
import { StateBadge } from '../ui/state-badge.tsx';

/** The status of a lane with its reason and end. */
export function LaneState({ lane: { state, paused, backoffUntil, opensAt } }: { readonly lane: Lane }): JSX.Element {
  return (
    <span class="state-cell">
      <StateBadge state={state} />
      {state === 'paused' && paused && (
        <span class="dim small cut" title={paused.reason}>
          {paused.reason}
        </span>
      )}
      {state === 'backing-off' && <span class="dim small">{t.lanes.retries(<RelativeTime at={backoffUntil} />)}</span>}
      {state === 'window' && <span class="dim small">{t.lanes.opens(<RelativeTime at={opensAt} />)}</span>}
    </span>
  );
}
