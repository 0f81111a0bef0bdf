import type { JSX } from 'preact';
import { groupKeys } from '@certfleet/operator-api/vocabulary.ts';
import type { SessionState } from '../session/session-keeper.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { groupKeyOf } from '../volumes/volumes-view.ts';
import type { GroupKey, VolumesView } from '../volumes/volumes-view.ts';
import { groupTitle } from './group-table.tsx';

export interface GroupSelectProps {
  readonly view: VolumesView;
  readonly onChange: (view: VolumesView) => void;
}

/** Selects the property by which the volumes are grouped. */
export function GroupSelect({ view, onChange }: GroupSelectProps): JSX.Element {
  const { session } = useServices();
  const state = useStore(session.state);
  const { group = '' } = view;
  const labels = labelsOf(state);
  const offered = new Set<GroupKey>([...groupKeys, ...labels, ...(view.group === undefined ? [] : [view.group])]);
  const choose = (chosen: string): void => {
    onChange({ ...view, group: groupKeyOf(chosen), after: undefined, before: undefined });
  };
  return (
    <label class={group === '' ? 'field' : 'field set'}>
      <span class="visually-hidden">Group by</span>
      <select value={group} onChange={(event) => choose(event.currentTarget.value)}>
        <option value="">Not grouped</option>
        {[...offered].map((key) => (
          <option key={key} value={key}>
            By {key === 'ca' ? 'CA' : groupTitle(key).toLowerCase()}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The labels that agents report. */
function labelsOf(state: SessionState): readonly GroupKey[] {
  if (state.name !== 'signed-in') return [];
  return (state.session.podLabels ?? []).map((key) => `label:${key}` as const);
}
