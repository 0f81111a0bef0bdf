import type { Label, Workload } from '@certfleet/shared/gen/fleet/v1/fleet.ts';

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
    readonly controller?: { readonly kind: string; readonly name: string } | undefined;
  };
}

const hashLabel = 'pod-template-hash';

/**
 * The workload of a pod by its controlling owner. A ReplicaSet of a Deployment has the Deployment's name and the hash that
 * the Deployment controller also writes into a label of the pod; a Job of a CronJob has the CronJob's name and the minute
 * of its schedule. These rules of Kubernetes' controllers spare a request, and a right, for each further owner.
 */
export function workloadOf(
  name: string,
  { metadata: { labels, controller } }: Pick<ReportedPod, 'metadata'>,
): Workload {
  if (controller === undefined) return { kind: 'Pod', name };
  const hash = labels[hashLabel];
  if (controller.kind === 'ReplicaSet' && hash !== undefined && controller.name.endsWith(`-${hash}`))
    return { kind: 'Deployment', name: controller.name.slice(0, -hash.length - 1) };
  // Minutes since 1970: eight digits until 2160.
  const [, cronJob] = controller.kind === 'Job' ? (/^(.+)-\d{8}$/.exec(controller.name) ?? []) : [];
  return cronJob === undefined ? controller : { kind: 'CronJob', name: cronJob };
}

/** The labels of a pod with these keys, in their order. */
export function chosenLabels(keys: readonly string[], labels: Readonly<Record<string, string>>): readonly Label[] {
  return keys.flatMap((key) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    return value === undefined ? [] : [{ key, value }];
  });
}
