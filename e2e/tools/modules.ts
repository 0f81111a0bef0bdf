/** The path of files in a Go module that a test applies unchanged, and their name in the cache. */
interface ModuleAsset {
  readonly module: string;
  readonly path: string;
  readonly name: string;
}

/** A Go module under e2e/tools with its binaries and packages. */
export interface ToolModule {
  /** Binary name to the Go package of its main. */
  readonly binaries: Readonly<Record<string, string>>;
  /** Variables set at link time, without which a binary reports no version. */
  readonly linkerVariables?: Readonly<Record<string, string>>;
  readonly assets?: readonly ModuleAsset[];
}

const kubernetes = 'k8s.io/kubernetes/cmd';
const kubernetesVersion = 'k8s.io/component-base/version';
const certManager = 'github.com/cert-manager/cert-manager';
const approverPolicy = 'github.com/cert-manager/approver-policy';

/** Versions that a tool must be told, as it reports them. */
export const toolVersions = { kubernetes: 'v1.35.4' } as const;

/** Every module by its directory. They are separate because their dependencies need different versions. */
export const toolModules: Readonly<Record<string, ToolModule>> = {
  kubernetes: {
    binaries: {
      'kube-apiserver': `${kubernetes}/kube-apiserver`,
      'kube-controller-manager': `${kubernetes}/kube-controller-manager`,
      'kube-proxy': `${kubernetes}/kube-proxy`,
      'kube-scheduler': `${kubernetes}/kube-scheduler`,
      kubeadm: `${kubernetes}/kubeadm`,
      kubectl: `${kubernetes}/kubectl`,
      kubelet: `${kubernetes}/kubelet`,
    },
    linkerVariables: {
      [`${kubernetesVersion}.gitVersion`]: toolVersions.kubernetes,
      [`${kubernetesVersion}.gitMajor`]: '1',
      [`${kubernetesVersion}.gitMinor`]: '35',
    },
  },
  etcd: { binaries: { etcd: '.' } },
  'cert-manager': {
    binaries: { 'cert-manager-controller': './controller', 'cert-manager-webhook': './webhook' },
    assets: [{ module: certManager, path: 'deploy/crds', name: 'crds' }],
  },
  'approver-policy': {
    binaries: { 'approver-policy': `${approverPolicy}/cmd` },
    assets: [
      { module: approverPolicy, path: 'deploy/crds', name: 'crds' },
      { module: approverPolicy, path: 'deploy/charts/approver-policy', name: 'chart' },
    ],
  },
  coredns: { binaries: { coredns: '.' } },
  pause: { binaries: { pause: '.' } },
  kind: {
    binaries: { kind: 'sigs.k8s.io/kind' },
    assets: [{ module: 'sigs.k8s.io/kind', path: 'images/base/files', name: 'node' }],
  },
  helm: { binaries: { helm: 'helm.sh/helm/v3/cmd/helm' } },
  'csi-sanity': { binaries: { 'csi-sanity': 'github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity' } },
};

/** Directory of the module that builds the named binary; throws with the list of known names. */
export function moduleOf(binary: string): string {
  const owner = Object.entries(toolModules).find(([, { binaries }]) => binary in binaries);
  if (owner === undefined) {
    const known = Object.values(toolModules).flatMap(({ binaries }) => Object.keys(binaries));
    throw new Error(`unknown tool "${binary}", expected one of ${known.join(', ')}`);
  }
  return owner[0];
}
