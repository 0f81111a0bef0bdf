import type { VolumePath, VolumeRow } from '@certfleet/operator-api/volumes.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { format, t } from '../messages/messages.ts';
import type { TableSelection } from '../ui/data-table.tsx';

type PickedRow = Pick<VolumeRow, 'node' | 'volumeId' | 'namespace' | 'pod'>;

/** Selected rows, on this page and on others. */
export interface Selection {
  /** `namespace/pod` of each volume, by key. */
  readonly picked: ReadonlyMap<string, string>;
  readonly select: (rows: readonly PickedRow[]) => void;
  readonly deselect: (keys: readonly string[]) => void;
  readonly volumes: VolumePath[];
  /** Why this many volumes cannot be renewed by name. */
  readonly excess: string | undefined;
  readonly clear: () => void;
}

/** The API accepts at most this many volumes by name. */
const maxPicked = 1000;

/** Identifies a volume in the fleet; neither part may contain a slash. */
export const keyOfVolume = ({ node, volumeId }: Pick<VolumeRow, 'node' | 'volumeId'>): string => `${node}/${volumeId}`;

const podName = ({ namespace, pod }: PickedRow): string => `${namespace}/${pod}`;

/** The selection of the rows of a table. */
export function selectionOf({ picked, select, deselect }: Selection, rows: readonly VolumeRow[]): TableSelection {
  return {
    picked,
    nameOf: (key) => key,
    onPick: (keys, isPicked) => {
      if (isPicked) select(rows.filter((row) => keys.includes(keyOfVolume(row))));
      else deselect(keys);
    },
  };
}

/** The selection is kept while other views are open, until the user clears it, renews it or signs out. */
export function useSelection(): Selection {
  const { picked: store } = useServices();
  const picked = useStore(store);
  return {
    picked,
    select: (rows) => store.set(new Map([...picked, ...rows.map((row) => [keyOfVolume(row), podName(row)] as const)])),
    deselect: (keys) => store.set(new Map([...picked].filter(([key]) => !keys.includes(key)))),
    volumes: [...picked.keys()].map((key) => {
      const slash = key.indexOf('/');
      return { node: key.slice(0, slash), volumeId: key.slice(slash + 1) };
    }),
    excess: picked.size > maxPicked ? t.volumes.selection.tooMany(format.digits(maxPicked)) : undefined,
    clear: () => store.set(new Map()),
  };
}
