import { toolPath } from '../tools/build.ts';
import { componentIn, type Component } from './component.ts';
import { httpProbe } from './http-probe.ts';
import type { ClusterPki } from './pki.ts';
import { nodeAddress, type Sandbox } from './sandbox.ts';

/** Where the API server listens inside the cluster's network namespace. */
export const apiServerPort = 6443;
export const apiServerUrl = `https://${nodeAddress}:${apiServerPort}`;
export const serviceRange = '10.96.0.0/16';

const etcdUrl = 'http://127.0.0.1:2379';

export interface ControlPlane {
  readonly etcd: Component;
  readonly apiServer: Component;
  readonly controllerManager: Component;
}

/** etcd, kube-apiserver and kube-controller-manager, not yet started. */
export async function controlPlane(
  sandbox: Sandbox,
  pki: ClusterPki,
  apiServerArgs: readonly string[],
): Promise<ControlPlane> {
  const network = sandbox.enterNetwork;
  const component = componentIn(sandbox.directory, network);
  const [etcd, apiServer, controllerManager] = await Promise.all(
    ['etcd', 'kube-apiserver', 'kube-controller-manager'].map(toolPath),
  );
  return {
    etcd: component(
      'etcd',
      [
        ...[`${etcd}`, '--name=test', `--data-dir=${sandbox.path('etcd')}`, '--log-level=warn'],
        // The data ends with the test. Waiting for the disk would only make every write slower.
        '--unsafe-no-fsync',
        ...[`--listen-client-urls=${etcdUrl}`, `--advertise-client-urls=${etcdUrl}`],
        ...['--listen-peer-urls=http://127.0.0.1:2380', '--initial-advertise-peer-urls=http://127.0.0.1:2380'],
        '--initial-cluster=test=http://127.0.0.1:2380',
      ],
      httpProbe(network, `${etcdUrl}/health`),
    ),
    apiServer: component(
      'kube-apiserver',
      [`${apiServer}`, ...apiServerFlags(pki), ...apiServerArgs],
      // Only the status tells: the text of a failing answer holds "ok" as well.
      httpProbe(network, `${apiServerUrl}/readyz`, { pki, client: 'admin' }),
    ),
    controllerManager: component(
      'kube-controller-manager',
      [
        ...[
          `${controllerManager}`,
          `--kubeconfig=${sandbox.path('controllerManager.kubeconfig')}`,
          '--leader-elect=false',
        ],
        ...['--use-service-account-credentials', `--service-account-private-key-file=${pki.serviceAccountKey}`],
        ...[
          `--root-ca-file=${pki.ca.certificate}`,
          '--bind-address=127.0.0.1',
          `--service-cluster-ip-range=${serviceRange}`,
        ],
        ...[`--cluster-signing-cert-file=${pki.ca.certificate}`, `--cluster-signing-key-file=${pki.ca.key}`],
      ],
      httpProbe(network, 'https://127.0.0.1:10257/healthz'),
    ),
  };
}

function apiServerFlags(pki: ClusterPki): readonly string[] {
  return [
    ...[`--etcd-servers=${etcdUrl}`, `--secure-port=${apiServerPort}`, `--advertise-address=${nodeAddress}`],
    ...[`--service-cluster-ip-range=${serviceRange}`, '--allow-privileged=true'],
    ...['--authorization-mode=Node,RBAC', '--enable-admission-plugins=NodeRestriction'],
    ...[`--client-ca-file=${pki.ca.certificate}`, `--tls-cert-file=${pki.apiServer.certificate}`],
    ...[`--tls-private-key-file=${pki.apiServer.key}`],
    ...[
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${pki.serviceAccountKey}`,
    ],
    `--service-account-signing-key-file=${pki.serviceAccountKey}`,
    ...[`--kubelet-certificate-authority=${pki.ca.certificate}`, '--kubelet-preferred-address-types=InternalIP'],
    `--kubelet-client-certificate=${pki.apiServerKubeletClient.certificate}`,
    `--kubelet-client-key=${pki.apiServerKubeletClient.key}`,
  ];
}
