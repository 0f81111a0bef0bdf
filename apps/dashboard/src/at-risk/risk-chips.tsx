import type { JSX } from 'preact';
import { riskReasons } from '@certfleet/operator-api/vocabulary.ts';
import type { VolumeGroups } from '@certfleet/operator-api/volumes.ts';
import { useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { formatCount } from '../ui/count.ts';
import { groupQuery, riskOfView, withFilter } from '../volumes/volumes-view.ts';
import type { VolumesView } from '../volumes/volumes-view.ts';

export interface RiskChipsProps {
  readonly view: VolumesView;
  readonly onChange: (view: VolumesView) => void;
}

/** The reasons of risks as filters, with the volumes of each. */
export function RiskChips({ view, onChange }: RiskChipsProps): JSX.Element {
  const { api, serverClock } = useServices();
  const all = withFilter(view, 'risk', 'any');
  const groups = useResource<VolumeGroups>({
    key: `groups:${groupQuery(all, 'risk', 'count', 0).toString()}`,
    load: (signal) => api.groups(groupQuery(all, 'risk', 'count', serverClock.now()), signal),
    kinds: ['volumes', 'lanes', 'nodes'],
  });
  const chosen = new Set(riskOfView(view)?.split(','));
  const counts = new Map(groups.data?.groups.map(({ value, count }) => [value, count]));
  const toggle = (reason: string): void => {
    const wanted = riskReasons.filter((each) => (each === reason) !== chosen.has(each));
    onChange(withFilter(view, 'risk', wanted.join(',')));
  };
  return (
    <div class="chips" role="group" aria-label={t.volumes.reasons}>
      {riskReasons.map((reason) => (
        <button
          type="button"
          key={reason}
          class="chip"
          aria-pressed={chosen.has(reason)}
          title={t.risk.reasons[reason].advice}
          onClick={() => toggle(reason)}
        >
          {t.risk.reasons[reason].title}
          {groups.isCurrent && <strong class="number">{formatCount(counts.get(reason) ?? 0)}</strong>}
        </button>
      ))}
    </div>
  );
}
