import { isObjectName, shellQuoted } from '../ui/shell-argument.ts';
import { labelSelector } from './label-filter.ts';
import { riskOfView } from './volumes-view.ts';
import type { FilterName, VolumesView } from './volumes-view.ts';

/** The command that describes a pod; undefined if these are no names of objects. */
export const describePod = (namespace: string, pod: string): string | undefined =>
  [namespace, pod].every(isObjectName) ? `kubectl describe pod ${pod} --namespace ${namespace}` : undefined;

/** The command that lists the agent's pod on a node, in whatever namespace the release is; undefined as for describePod. */
export const agentPods = (node: string): string | undefined =>
  isObjectName(node)
    ? `kubectl get pods --all-namespaces -l app.kubernetes.io/component=node-agent --field-selector spec.nodeName=${node}`
    : undefined;

/** The command that creates a token for the sign-in, with placeholders. */
export const createToken = 'kubectl create token NAME --namespace NAMESPACE --duration 8h';

/**
 * The commands that list pods, one for each namespace; undefined without a name of an object.
 * @param pods as `namespace/pod`
 */
export function getPods(pods: readonly string[]): string | undefined {
  const byNamespace = new Map<string, Set<string>>();
  for (const each of pods) {
    const [namespace = '', pod = ''] = each.split('/');
    if (![namespace, pod].every(isObjectName)) continue;
    byNamespace.set(namespace, (byNamespace.get(namespace) ?? new Set()).add(pod));
  }
  const commands = [...byNamespace].map(
    ([namespace, names]) => `kubectl get pods --namespace ${namespace} ${[...names].join(' ')}`,
  );
  return commands.length === 0 ? undefined : commands.join('\n');
}

/** The filters that kubectl has for pods, too. */
const filtersOfPods: readonly FilterName[] = ['namespace', 'pod', 'node', 'label'];

/** The command that lists the pods of a table; undefined if kubectl lacks one of its filters. */
export function kubectlCommand(view: VolumesView): string | undefined {
  const { namespace, pod, node, label } = view.filters;
  if (!hasOnlyFiltersOfPods(view) || label?.includes('*') === true) return undefined;
  const names = [namespace, pod, node].filter((name) => name !== undefined);
  if (!names.every(isObjectName)) return undefined;
  const fields = [
    ...(pod === undefined ? [] : [`metadata.name=${pod}`]),
    ...(node === undefined ? [] : [`spec.nodeName=${node}`]),
  ];
  return [
    'kubectl get pods',
    namespace === undefined ? '--all-namespaces' : `--namespace ${namespace}`,
    ...(label === undefined ? [] : ['--selector', shellQuoted(labelSelector(label))]),
    ...(fields.length === 0 ? [] : ['--field-selector', fields.join(',')]),
  ].join(' ');
}

function hasOnlyFiltersOfPods(view: VolumesView): boolean {
  const given = Object.keys(view.filters) as FilterName[];
  if (view.states.length > 0 || riskOfView(view) !== undefined) return false;
  return given.length > 0 && given.every((name) => filtersOfPods.includes(name));
}
