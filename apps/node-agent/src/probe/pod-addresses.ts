import { BlockList, isIP } from 'node:net';
import type { ProbeFailure } from '@certfleet/fleet-model/vocabulary.ts';
import type { PodState } from '../kube/pod.ts';

/** A dual-stack pod has two. */
const maxAddresses = 2;

/**
 * Addresses that belong to no pod alone: unspecified, loopback, link-local (which includes the metadata of clouds),
 * multicast and broadcast; and IPv6 addresses that stand for others, IPv4-mapped and NAT64. Two lists, because an IPv4
 * address also matches the subnet of mapped ones.
 */
const neverProbed = { ipv4: new BlockList(), ipv6: new BlockList() };
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 3],
] as const)
  neverProbed.ipv4.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  ['::', 127],
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  neverProbed.ipv6.addSubnet(network, prefix, 'ipv6');

/** The part of a pod that probes use. */
export type ProbedPod = Pick<PodState, 'uid'> & {
  readonly spec: Pick<PodState['spec'], 'nodeName' | 'hostNetwork'>;
  readonly status: Pick<PodState['status'], 'podIPs' | 'hostIPs'>;
};

/**
 * The addresses of a pod that may be probed, in the pod's order. A pod of another node has none, nor has one that was
 * created again under its name. In the host's network every process of the node can listen on the pod's address, so
 * that such a pod is not probed.
 */
export function podAddresses(
  pod: ProbedPod | undefined,
  expected: { readonly uid: string; readonly nodeName: string },
): { readonly addresses: readonly string[] } | { readonly failure: ProbeFailure } {
  if (pod?.uid !== expected.uid || pod.spec.nodeName !== expected.nodeName) return { failure: 'no-address' };
  if (pod.spec.hostNetwork) return { failure: 'host-network' };
  const ofHost = new Set(pod.status.hostIPs.map(({ ip }) => ip));
  const addresses = pod.status.podIPs.map(({ ip }) => ip).filter((ip) => isProbed(ip) && !ofHost.has(ip));
  return addresses.length === 0 ? { failure: 'no-address' } : { addresses: addresses.slice(0, maxAddresses) };
}

function isProbed(ip: string): boolean {
  const version = isIP(ip);
  if (version === 0 || ip.includes('%')) return false;
  const family = version === 6 ? 'ipv6' : 'ipv4';
  return !neverProbed[family].check(ip, family);
}
