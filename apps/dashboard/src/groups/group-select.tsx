import type { JSX } from 'preact';
import { groupKeys } from '@certfleet/operator-api/vocabulary.ts';
import type { GroupKey, VolumesView } from '../volumes/volumes-view.ts';
import { groupTitles } from './group-table.tsx';

export interface GroupSelectProps {
  readonly view: VolumesView;
  readonly onChange: (view: VolumesView) => void;
}

/** Selects the property by which the volumes are grouped. */
export function GroupSelect({ view, onChange }: GroupSelectProps): JSX.Element {
  const { group = '' } = view;
  const choose = (chosen: string): void => {
    const key = groupKeys.find((each): each is GroupKey => each === chosen);
    onChange({ ...view, group: key, after: undefined, before: undefined });
  };
  return (
    <label class={group === '' ? 'field' : 'field set'}>
      <span class="visually-hidden">Group by</span>
      <select value={group} onChange={(event) => choose(event.currentTarget.value)}>
        <option value="">Not grouped</option>
        {groupKeys.map((key) => (
          <option key={key} value={key}>
            By {key === 'ca' ? 'CA' : groupTitles[key].toLowerCase()}
          </option>
        ))}
      </select>
    </label>
  );
}
