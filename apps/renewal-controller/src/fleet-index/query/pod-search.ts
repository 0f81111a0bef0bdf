/**
 * Whether a part of a pod's namespace or name is equal, or of both written as `namespace/pod`.
 * @param part in lower case, which Kubernetes requires in these names
 */
export function podSearch(part: string): (named: { readonly namespace: string; readonly pod: string }) => boolean {
  const slash = part.indexOf('/');
  if (slash < 0) return ({ namespace, pod }) => pod.includes(part) || namespace.includes(part);
  const [end, start] = [part.slice(0, slash), part.slice(slash + 1)];
  return ({ namespace, pod }) => namespace.endsWith(end) && pod.startsWith(start);
}
