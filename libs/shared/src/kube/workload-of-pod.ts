/** Kind and name of the object that created a pod, such as a Deployment. */
export interface WorkloadName {
  readonly kind: string;
  readonly name: string;
}

const hashLabel = 'pod-template-hash';

/**
 * The workload of a pod by its controlling owner. A ReplicaSet of a Deployment has the Deployment's name and the hash that
 * the Deployment controller also writes into a label of the pod; a Job of a CronJob has the CronJob's name and the minute
 * of its schedule. These rules of Kubernetes' controllers spare a request, and a right, for each further owner.
 * @param controller undefined for a pod that no object manages
 */
export function workloadOfPod(
  podName: string,
  controller: WorkloadName | undefined,
  labels: Readonly<Record<string, string>>,
): WorkloadName {
  if (controller === undefined) return { kind: 'Pod', name: podName };
  const { kind, name } = controller;
  const hash = labels[hashLabel];
  if (kind === 'ReplicaSet' && hash !== undefined && name.endsWith(`-${hash}`))
    return { kind: 'Deployment', name: name.slice(0, -hash.length - 1) };
  // Minutes since 1970: eight digits until 2160.
  const [, cronJob] = kind === 'Job' ? (/^(.+)-\d{8}$/.exec(name) ?? []) : [];
  return cronJob === undefined ? controller : { kind: 'CronJob', name: cronJob };
}
