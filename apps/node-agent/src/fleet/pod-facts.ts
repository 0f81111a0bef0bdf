import type { Label, Workload } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { WorkloadName } from '@certfleet/shared/kube/workload-of-pod.ts';

/** What operators want to know of the pod of a volume. */
export interface PodFacts {
  readonly workload: Workload;
  readonly labels: readonly Label[];
}

/** The fields of a pod that are read. */
export interface ReportedPod {
  readonly uid: string;
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly controller?: WorkloadName | undefined;
  };
}

/** The labels of a pod with these keys, in their order. */
export function chosenLabels(keys: readonly string[], labels: Readonly<Record<string, string>>): readonly Label[] {
  return keys.flatMap((key) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    return value === undefined ? [] : [{ key, value }];
  });
}
