import type { VolumeFilter } from '@certfleet/operator-api/volume-query.ts';
import type { IndexedVolume } from '../model/indexed-volume.ts';
import { namePattern } from './name-pattern.ts';

type Criterion = (volume: IndexedVolume) => boolean;

/** What a workload created, with the kind and name of the workload. */
interface Created {
  readonly namespace: string;
  readonly workload?: string;
}

/** The workload with its namespace, such as `shop/Deployment/web`; empty if it is not known. */
export function workloadKey({ namespace, workload }: Created): string {
  return workload === undefined ? '' : `${namespace}/${workload}`;
}

/** The names by which a filter finds a workload; none if it is not known. */
export function workloadNames(created: Created): readonly string[] {
  const { workload } = created;
  if (workload === undefined) return [];
  return [workload.slice(workload.indexOf('/') + 1), workload, workloadKey(created)];
}

/** The value of a label; undefined if the pod lacks it or it is not reported. */
export function labelOf({ labels }: IndexedVolume, key: string): string | undefined {
  const prefix = `${key}=`;
  return labels?.find((label) => label.startsWith(prefix))?.slice(prefix.length);
}

/** The criteria for the workload and the labels of pods. What is not known matches none. */
export function workloadCriteria({ workload, label }: VolumeFilter): Criterion[] {
  const criteria: Criterion[] = [];
  if (workload !== undefined) {
    const isMatch = namePattern(workload);
    criteria.push((volume) => workloadNames(volume).some(isMatch));
  }
  for (const [key, values] of valuesByKey(label)) {
    const isMatch = namePattern(values.join(','));
    criteria.push((volume) => {
      const value = labelOf(volume, key);
      return value !== undefined && isMatch(value);
    });
  }
  return criteria;
}

/** The values of each key in a filter by labels; a key with several values matches any of them. */
function valuesByKey(label: string | undefined): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const each of label?.split(',') ?? []) {
    const at = each.indexOf('=');
    const key = each.slice(0, at).trim();
    const values = found.get(key) ?? [];
    found.set(key, [...values, each.slice(at + 1).trim()]);
  }
  return found;
}
