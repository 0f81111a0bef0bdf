import { toolPath } from '../tools/build.ts';
import { componentIn, type Component } from './component.ts';
import { flags } from './flags.ts';
import { httpProbe } from './http-probe.ts';
import type { ClusterPki } from './pki.ts';
import { nodeAddress, type Sandbox } from './sandbox.ts';

/** The API server's port inside the cluster's network namespace. */
export const apiServerPort = 6443;
export const apiServerUrl = `https://${nodeAddress}:${apiServerPort}`;
const serviceRange = '10.96.0.0/16';

const etcdUrl = 'http://127.0.0.1:2379';
const etcdPeerUrl = 'http://127.0.0.1:2380';

/** Controllers for namespaces, service accounts and garbage collection; the others of the manager are about pods. */
const controllersWithoutNodes = [
  'clusterrole-aggregation-controller',
  'garbage-collector-controller',
  'namespace-controller',
  'root-ca-certificate-publisher-controller',
  'serviceaccount-controller',
  'serviceaccount-token-controller',
];

/** A fifth of the API server's CPU time during a start is garbage collection, which 0.5 GB of memory avoids. */
export const lazyGarbageCollection = { GOGC: '400' };

/** etcd, not yet started. */
export async function etcdComponent(sandbox: Sandbox): Promise<Component> {
  const argv = [
    await toolPath('etcd'),
    ...flags({
      name: 'test',
      'data-dir': sandbox.path('etcd'),
      'listen-client-urls': etcdUrl,
      'advertise-client-urls': etcdUrl,
      'listen-peer-urls': etcdPeerUrl,
      'initial-advertise-peer-urls': etcdPeerUrl,
      'initial-cluster': `test=${etcdPeerUrl}`,
      // The data ends with the test, so waiting for the disk would only slow down every write.
      'unsafe-no-fsync': true,
      'log-level': 'warn',
    }),
  ];
  const network = sandbox.enterNetwork;
  return componentIn(sandbox.directory, network)('etcd', argv, httpProbe(network, `${etcdUrl}/health`));
}

/** kube-apiserver, not yet started. */
export async function apiServerComponent(
  sandbox: Sandbox,
  pki: ClusterPki,
  extraArgs: readonly string[],
): Promise<Component> {
  const network = sandbox.enterNetwork;
  const argv = [
    await toolPath('kube-apiserver'),
    ...flags({
      'etcd-servers': etcdUrl,
      'secure-port': apiServerPort,
      'advertise-address': nodeAddress,
      'service-cluster-ip-range': serviceRange,
      'allow-privileged': true,
      'authorization-mode': 'Node,RBAC',
      'enable-admission-plugins': 'NodeRestriction',
      'client-ca-file': pki.ca.certificate,
      'tls-cert-file': pki.apiServer.certificate,
      'tls-private-key-file': pki.apiServer.key,
      'service-account-issuer': 'https://kubernetes.default.svc',
      'service-account-key-file': pki.serviceAccountKey,
      'service-account-signing-key-file': pki.serviceAccountKey,
      'kubelet-certificate-authority': pki.ca.certificate,
      'kubelet-client-certificate': pki.apiServerKubeletClient.certificate,
      'kubelet-client-key': pki.apiServerKubeletClient.key,
      'kubelet-preferred-address-types': 'InternalIP',
    }),
    ...extraArgs,
  ];
  // Only the status counts: the text of a failing response also contains "ok".
  const isReady = httpProbe(network, `${apiServerUrl}/readyz`, { pki, client: 'admin' });
  return componentIn(sandbox.directory, network)('kube-apiserver', argv, isReady, { env: lazyGarbageCollection });
}

/** kube-controller-manager, not yet started. */
export async function controllerManagerComponent(sandbox: Sandbox, pki: ClusterPki): Promise<Component> {
  const network = sandbox.enterNetwork;
  const argv = [
    await toolPath('kube-controller-manager'),
    ...flags({
      kubeconfig: sandbox.path('controllerManager.kubeconfig'),
      'leader-elect': false,
      'bind-address': '127.0.0.1',
      'use-service-account-credentials': true,
      // Each controller first requests its own account, which takes seconds at the default of 20 per second.
      'kube-api-qps': 500,
      'kube-api-burst': 500,
      'service-account-private-key-file': pki.serviceAccountKey,
      'service-cluster-ip-range': serviceRange,
      'root-ca-file': pki.ca.certificate,
      controllers: sandbox.nodes === 'full' ? '*' : controllersWithoutNodes.join(','),
      'cluster-signing-cert-file': pki.ca.certificate,
      'cluster-signing-key-file': pki.ca.key,
    }),
  ];
  const isReady = httpProbe(network, 'https://127.0.0.1:10257/healthz');
  return componentIn(sandbox.directory, network)('kube-controller-manager', argv, isReady, { isRestarted: true });
}
