import type { VolumePath, VolumeRow } from '@certfleet/operator-api/volumes.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { format, t } from '../messages/messages.ts';
import type { TableSelection } from '../ui/data-table.tsx';

/** Selected rows, on this page and on others. */
export interface Selection extends TableSelection {
  readonly volumes: VolumePath[];
  /** Why this many volumes cannot be renewed by name. */
  readonly excess: string | undefined;
  readonly clear: () => void;
}

/** The API accepts at most this many volumes by name. */
const most = 1000;

/** Identifies a volume in the fleet; neither part may contain a slash. */
export const keyOfVolume = ({ node, volumeId }: Pick<VolumeRow, 'node' | 'volumeId'>): string => `${node}/${volumeId}`;

/** The selection is kept while other views are open, until the user clears it, renews it or signs out. */
export function useSelection(): Selection {
  const { picked: store } = useServices();
  const picked = useStore(store);
  const setPicked = (keys: ReadonlySet<string>): void => store.set(keys);
  return {
    picked,
    nameOf: (key) => key,
    onPick: (keys, isPicked) => {
      const changed = new Set(picked);
      for (const key of keys) {
        if (isPicked) changed.add(key);
        else changed.delete(key);
      }
      setPicked(changed);
    },
    volumes: [...picked].map((key) => {
      const slash = key.indexOf('/');
      return { node: key.slice(0, slash), volumeId: key.slice(slash + 1) };
    }),
    excess: picked.size > most ? t.volumes.selection.tooMany(format.digits(most)) : undefined,
    clear: () => setPicked(new Set()),
  };
}
