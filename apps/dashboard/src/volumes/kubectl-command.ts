import { labelSelector } from './label-filter.ts';
import { riskOfView } from './volumes-view.ts';
import type { FilterName, VolumesView } from './volumes-view.ts';

/** The command that describes a pod. */
export const describePod = (namespace: string, pod: string): string =>
  `kubectl describe pod ${pod} --namespace ${namespace}`;

/** The command that lists the agent's pod on a node, in whatever namespace the release is. */
export const agentPods = (node: string): string =>
  `kubectl get pods --all-namespaces -l app.kubernetes.io/component=node-agent --field-selector spec.nodeName=${node}`;

/** The command that creates a token for the sign-in, with placeholders. */
export const createToken = 'kubectl create token NAME --namespace NAMESPACE --duration 8h';

/** The commands that list pods, one for each namespace. @param pods as `namespace/pod` */
export function getPods(pods: readonly string[]): string {
  const byNamespace = new Map<string, Set<string>>();
  for (const each of pods) {
    const [namespace = '', pod = ''] = each.split('/');
    byNamespace.set(namespace, (byNamespace.get(namespace) ?? new Set()).add(pod));
  }
  return [...byNamespace]
    .map(([namespace, names]) => `kubectl get pods --namespace ${namespace} ${[...names].join(' ')}`)
    .join('\n');
}

/** The filters that kubectl has for pods, too. */
const filtersOfPods: readonly FilterName[] = ['namespace', 'pod', 'node', 'label'];

/** The command that lists the pods of a table; undefined if kubectl lacks one of its filters. */
export function kubectlCommand(view: VolumesView): string | undefined {
  const { filters, states } = view;
  const given = Object.keys(filters) as FilterName[];
  const isCriterion = states.length > 0 || riskOfView(view) !== undefined;
  if (isCriterion || given.length === 0 || !given.every((name) => filtersOfPods.includes(name))) return undefined;
  const { namespace, pod, node, label } = filters;
  if ([namespace, pod, node, label].some((text) => text?.includes('*'))) return undefined;
  if ([namespace, pod, node].some((text) => text?.includes(','))) return undefined;
  const fields = [
    ...(pod === undefined ? [] : [`metadata.name=${pod}`]),
    ...(node === undefined ? [] : [`spec.nodeName=${node}`]),
  ];
  return [
    'kubectl get pods',
    namespace === undefined ? '--all-namespaces' : `--namespace ${namespace}`,
    ...(label === undefined ? [] : ['--selector', `'${labelSelector(label)}'`]),
    ...(fields.length === 0 ? [] : ['--field-selector', fields.join(',')]),
  ].join(' ');
}
