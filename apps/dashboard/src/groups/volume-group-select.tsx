import type { JSX } from 'preact';
import { groupKeys } from '@certfleet/operator-api/vocabulary.ts';
import { t } from '../messages/messages.ts';
import { usePodLabels } from '../session/use-pod-labels.ts';
import type { GroupKey, VolumesView } from '../volumes/volumes-view.ts';
import { GroupSelect } from './group-select.tsx';
import { isLabel, labelOf } from './group-texts.ts';

export interface VolumeGroupSelectProps {
  readonly view: VolumesView;
  readonly onChange: (view: VolumesView) => void;
}

/** Selects the property by which the volumes are grouped. */
export function VolumeGroupSelect({ view, onChange }: VolumeGroupSelectProps): JSX.Element {
  const { group } = view;
  const labels = usePodLabels().map((key) => `label:${key}` as const);
  const offered = new Set<GroupKey>([...groupKeys, ...labels, ...(group === undefined ? [] : [group])]);
  return (
    <GroupSelect
      value={group}
      offered={[...offered].map((key) => [key, isLabel(key) ? t.groups.byLabel(labelOf(key)) : t.groups.by[key]])}
      onChoose={(by) => onChange({ ...view, group: by, after: undefined, before: undefined })}
    />
  );
}
