import type { AttributeProblems } from './attribute-problems.ts';
import { isDnsLabel, isDnsSubdomain } from './qualified-name.ts';
import type { PodIdentity } from './volume-spec.ts';

/** The group of the kubelet's own keys in a volume's context (podInfoOnMount). */
export const kubeletGroup = 'csi.storage.k8s.io';

/** The UID is opaque; it must only be valid in an ownerReference and a log line. */
function isUid(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(text);
}

/** Reads the pod from the kubelet's keys in the volume's context, and checks that the volume is an inline one. */
export function parsePodIdentity(raw: Readonly<Record<string, string>>, problems: AttributeProblems): PodIdentity {
  const valueOf = (key: string): string => (Object.hasOwn(raw, key) ? (raw[key] ?? '') : '');
  const read = (name: string, accepts: (text: string) => boolean, expected: string): string => {
    const key = `${kubeletGroup}/${name}`;
    const text = valueOf(key);
    if (text === '') problems.required(key, 'the kubelet sets it if the CSIDriver object has podInfoOnMount');
    else if (!accepts(text)) problems.invalid(key, text, `must be ${expected}`);
    return text;
  };
  if (valueOf(`${kubeletGroup}/ephemeral`) === 'false') {
    problems.invalid(`${kubeletGroup}/ephemeral`, 'false', 'only ephemeral inline volumes are supported');
  }
  return {
    name: read('pod.name', isDnsSubdomain, 'a DNS subdomain'),
    namespace: read('pod.namespace', isDnsLabel, 'a DNS label'),
    uid: read('pod.uid', isUid, 'letters, digits and dashes'),
    serviceAccountName: read('serviceAccount.name', isDnsSubdomain, 'a DNS subdomain'),
  };
}
