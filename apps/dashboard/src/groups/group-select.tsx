import type { JSX } from 'preact';
import { groupKeys } from '@certfleet/operator-api/vocabulary.ts';
import { t } from '../messages/messages.ts';
import { usePodLabels } from '../session/use-pod-labels.ts';
import { groupKeyOf } from '../volumes/volumes-view.ts';
import type { GroupKey, VolumesView } from '../volumes/volumes-view.ts';
import { isLabel, labelOf } from './group-texts.ts';

export interface GroupSelectProps {
  readonly view: VolumesView;
  readonly onChange: (view: VolumesView) => void;
}

/** Selects the property by which the volumes are grouped. */
export function GroupSelect({ view, onChange }: GroupSelectProps): JSX.Element {
  const { group = '' } = view;
  const labels = usePodLabels().map((key) => `label:${key}` as const);
  const offered = new Set<GroupKey>([...groupKeys, ...labels, ...(view.group === undefined ? [] : [view.group])]);
  const choose = (chosen: string): void => {
    onChange({ ...view, group: groupKeyOf(chosen), after: undefined, before: undefined });
  };
  return (
    <label class={group === '' ? 'field' : 'field set'}>
      <span class="visually-hidden">{t.groups.title}</span>
      <select value={group} onChange={(event) => choose(event.currentTarget.value)}>
        <option value="">{t.groups.none}</option>
        {[...offered].map((key) => (
          <option key={key} value={key}>
            {isLabel(key) ? t.groups.byLabel(labelOf(key)) : t.groups.by[key]}
          </option>
        ))}
      </select>
    </label>
  );
}
