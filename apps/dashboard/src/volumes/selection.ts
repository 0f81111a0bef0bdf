import { useState } from 'preact/hooks';
import type { VolumePath, VolumeRow } from '@certfleet/operator-api/volumes.ts';
import type { TableSelection } from '../ui/data-table.tsx';

/** Rows that are picked, on this page and on others. */
export interface Selection extends TableSelection {
  readonly volumes: VolumePath[];
  /** Why so many cannot be renewed by name. */
  readonly excess: string | undefined;
  readonly clear: () => void;
}

/** The API takes so many volumes by name. */
const most = 1000;

/** Names a volume in the whole fleet; neither part may hold a slash. */
export const keyOfVolume = ({ node, volumeId }: Pick<VolumeRow, 'node' | 'volumeId'>): string => `${node}/${volumeId}`;

/** Which volumes are picked. */
export function useSelection(): Selection {
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
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
    excess:
      picked.size > most ? `At most ${most} volumes are renewed by name; filter, and renew all that match.` : undefined,
    clear: () => setPicked(new Set()),
  };
}
