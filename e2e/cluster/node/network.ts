import { writeFile } from 'node:fs/promises';

import { toolPath } from '../../tools/build.ts';
import { componentIn, type Component } from '../component.ts';
import { httpProbe } from '../http-probe.ts';
import type { Sandbox } from '../sandbox.ts';

/** Addresses of pods. */
export const podRange = '10.244.0.0/24';
export const clusterDomain = 'cluster.local';

const kubeProxyHealth = '127.0.0.1:10256';
const coreDnsReady = '127.0.0.1:8181';

/** kube-proxy, with rules only in the cluster's network namespace; not yet started. */
export async function kubeProxy(sandbox: Sandbox): Promise<Component> {
  const configuration = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: sandbox.path('kubeProxy.kubeconfig') },
    clusterCIDR: podRange,
    hostnameOverride: sandbox.name,
    healthzBindAddress: kubeProxyHealth,
    mode: 'iptables',
    // The table's size belongs to the machine's network namespace and cannot be set from here.
    conntrack: { maxPerCore: 0 },
    iptables: { minSyncPeriod: '0s' },
  };
  await writeFile(sandbox.path('kube-proxy.json'), JSON.stringify(configuration));
  const argv = [await toolPath('kube-proxy'), `--config=${sandbox.path('kube-proxy.json')}`];
  return componentIn(sandbox.directory, sandbox.enterNode)(
    'kube-proxy',
    argv,
    httpProbe(sandbox.enterNetwork, `http://${kubeProxyHealth}/healthz`),
  );
}

/** CoreDNS as a process on the node, reachable for pods at the node's address; not yet started. */
export async function coreDns(sandbox: Sandbox): Promise<Component> {
  const corefile = `
.:53 {
  errors
  ready ${coreDnsReady}
  kubernetes ${clusterDomain} in-addr.arpa ip6.arpa {
    kubeconfig ${sandbox.path('coreDns.kubeconfig')}
  }
}
`;
  await writeFile(sandbox.path('Corefile'), corefile);
  const argv = [await toolPath('coredns'), `-conf=${sandbox.path('Corefile')}`];
  return componentIn(sandbox.directory, sandbox.enterNode)(
    'coredns',
    argv,
    httpProbe(sandbox.enterNetwork, `http://${coreDnsReady}/ready`),
  );
}
