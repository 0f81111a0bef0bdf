import { isIP } from 'node:net';
import { quoted } from './attribute-problems.ts';

/** Values of the pod's object by the variable's name; part of the volume's record. */
export type PodVariableValues = Readonly<Record<string, string>>;

/** The variables of the pod's object, besides those of labels and annotations. */
export const podVariableNames: readonly string[] = ['POD_FQDN', 'POD_HOSTNAME', 'POD_IP', 'POD_IPS'];

/** The part of a pod that variables use, in the API's structure. */
export interface PodObject {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly hostNetwork: boolean;
    /** Empty if unset, as are the other names. */
    readonly hostname: string;
    readonly hostnameOverride: string;
    readonly subdomain: string;
  };
  readonly status: {
    readonly podIPs: readonly { readonly ip: string }[];
    readonly hostIPs: readonly { readonly ip: string }[];
  };
}

/** Settings and identity that complete a pod's object. */
export interface PodNames {
  readonly name: string;
  readonly namespace: string;
  /** The cluster's DNS domain, such as `cluster.local`. */
  readonly clusterDomain: string;
}

/** The values of some variables, and why others have none. An address of neither kind is not known yet. */
export interface ResolvedPodVariables {
  readonly values: PodVariableValues;
  readonly problems: Readonly<Record<string, string>>;
}

/** Linux's limit of a host name (HOST_NAME_MAX is 64, the kubelet uses 63). */
const maxHostname = 63;

/** A dual-stack pod has two addresses. */
const maxAddresses = 8;

/** Finds the values of these variables in the pod's object. */
export function resolvePodVariables(names: readonly string[], pod: PodObject, pods: PodNames): ResolvedPodVariables {
  const values: Record<string, string> = {};
  const problems: Record<string, string> = {};
  for (const name of names) {
    if (name === 'POD_IP' || name === 'POD_IPS') {
      // The addresses of any other pod are those of its network sandbox, which is made after its volumes.
      if (pod.spec.hostNetwork) Object.assign(values, addressValues(hostAddresses(pod)));
      continue;
    }
    const found = valueIn(name, pod, pods);
    if ('value' in found) values[name] = found.value;
    else problems[name] = found.problem;
  }
  return { values, problems };
}

/** The values of the variables of addresses; none if there is no address. */
export function addressValues(addresses: readonly string[]): PodVariableValues {
  const usable = addresses.filter((ip) => isIP(ip) !== 0 && !ip.includes('%')).slice(0, maxAddresses);
  const [first] = usable;
  return first === undefined ? {} : { POD_IP: first, POD_IPS: usable.join(',') };
}

/** Whether addresses are those of earlier values. */
export function hasAddresses(values: PodVariableValues | undefined, addresses: PodVariableValues): boolean {
  return values?.['POD_IPS'] === addresses['POD_IPS'];
}

function hostAddresses({ status: { podIPs, hostIPs } }: PodObject): readonly string[] {
  return (podIPs.length > 0 ? podIPs : hostIPs).map(({ ip }) => ip);
}

type Found = { readonly value: string } | { readonly problem: string };

function valueIn(name: string, pod: PodObject, pods: PodNames): Found {
  const { labels, annotations } = pod.metadata;
  if (name === 'POD_HOSTNAME') return hostnameOf(pod, pods);
  if (name === 'POD_FQDN') return fqdnOf(pod, pods);
  if (name.startsWith('POD_LABEL_')) return entryOf(labels, 'label', name.slice('POD_LABEL_'.length));
  return entryOf(annotations, 'annotation', name.slice('POD_ANNOTATION_'.length));
}

/** An empty value would leave an empty item in a list of names. */
function entryOf(entries: Readonly<Record<string, string>>, kind: string, key: string): Found {
  if (!Object.hasOwn(entries, key)) return { problem: `the pod has no ${kind} ${quoted(key)}` };
  const value = entries[key] ?? '';
  return value === '' ? { problem: `the ${kind} ${quoted(key)} of the pod is empty` } : { value };
}

/** The host name that the kubelet gives the pod. */
function hostnameOf({ spec }: PodObject, { name }: PodNames): Found {
  if (spec.hostnameOverride !== '') return { value: spec.hostnameOverride };
  return spec.hostNetwork && spec.hostname === ''
    ? { problem: "the pod is in the host's network and has no hostname of its own: set the pod's spec.hostname" }
    : { value: dnsHostname(spec.hostname, name) };
}

/** The name of the pod in the cluster's DNS, below the headless service that its subdomain names. */
function fqdnOf({ spec }: PodObject, { name, namespace, clusterDomain }: PodNames): Found {
  if (spec.subdomain === '') return { problem: "the pod has no FQDN: set the pod's spec.subdomain" };
  const hostname = dnsHostname(spec.hostname, name);
  return { value: `${hostname}.${spec.subdomain}.${namespace}.svc.${clusterDomain}` };
}

/** The host name, or the pod's name, truncated as the kubelet does. */
function dnsHostname(hostname: string, podName: string): string {
  return hostname !== '' ? hostname : podName.slice(0, maxHostname).replace(/[-.]+$/, '');
}
