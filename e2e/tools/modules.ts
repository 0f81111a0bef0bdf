import { readFileSync } from 'node:fs';
import { join } from 'node:path';

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
  /** Build tags, which omit parts of a program. */
  readonly tags?: readonly string[];
  readonly assets?: readonly ModuleAsset[];
  /** Whether tests that need it are skipped where its sources cannot be fetched. */
  readonly isOptional?: boolean;
}

const containerd = 'github.com/containerd/containerd/v2';
const certManager = 'github.com/cert-manager/cert-manager';
const csiDriver = 'github.com/cert-manager/csi-driver';
const approverPolicy = 'github.com/cert-manager/approver-policy';

/** The module of each minor version of Kubernetes that a cluster can have. */
const kubernetesModules = { '1.37': 'kubernetes', '1.35': 'kubernetes-1.35' } as const;

/** Minor version that clusters have unless CERTFLEET_E2E_KUBERNETES names another. */
const defaultKubernetes: keyof typeof kubernetesModules = '1.37';

const chosenKubernetes = process.env['CERTFLEET_E2E_KUBERNETES'] ?? defaultKubernetes;

/** The module of the chosen Kubernetes. */
export const kubernetesModule: string = moduleOfKubernetes(chosenKubernetes);
/** The version of the chosen Kubernetes, with the v. */
export const kubernetesVersion: string = requiredVersion(kubernetesModule, 'k8s.io/kubernetes');

function moduleOfKubernetes(minor: string): string {
  const chosen = Object.entries(kubernetesModules).find(([known]) => known === minor);
  if (chosen !== undefined) return chosen[1];
  const known = Object.keys(kubernetesModules).join(', ');
  throw new Error(`CERTFLEET_E2E_KUBERNETES is "${minor}", expected one of ${known}`);
}

/** The version of a dependency in a module's go.mod. */
function requiredVersion(module: string, dependency: string): string {
  const path = join(import.meta.dirname, module, 'go.mod');
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [name, version] = line.trim().split(' ');
    if (name === dependency && version !== undefined) return version;
  }
  throw new Error(`${path} does not require ${dependency}`);
}

/** The binaries of Kubernetes, which are told the version that they report. */
function kubernetesTools(module: string): ToolModule {
  const version = requiredVersion(module, 'k8s.io/kubernetes');
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)\./.exec(version) ?? [];
  const reported = 'k8s.io/component-base/version';
  const commands = [
    'kube-apiserver',
    'kube-controller-manager',
    'kube-proxy',
    'kube-scheduler',
    'kubeadm',
    'kubectl',
    'kubelet',
  ];
  return {
    binaries: Object.fromEntries(commands.map((command) => [command, `k8s.io/kubernetes/cmd/${command}`])),
    linkerVariables: {
      [`${reported}.gitVersion`]: version,
      [`${reported}.gitMajor`]: major,
      [`${reported}.gitMinor`]: minor,
    },
  };
}

/** Every module by its directory. They are separate because their dependencies need different versions. */
export const toolModules: Readonly<Record<string, ToolModule>> = {
  ...Object.fromEntries(Object.values(kubernetesModules).map((module) => [module, kubernetesTools(module)])),
  containerd: {
    binaries: {
      containerd: `${containerd}/cmd/containerd`,
      'containerd-shim-runc-v2': `${containerd}/cmd/containerd-shim-runc-v2`,
      ctr: `${containerd}/cmd/ctr`,
    },
    // Storage and traces that no test uses.
    tags: ['no_btrfs', 'no_devmapper', 'no_tracing', 'no_zfs'],
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
  'csi-driver': {
    binaries: { 'cert-manager-csi-driver': `${csiDriver}/cmd` },
    linkerVariables: { [`${csiDriver}/internal/version.AppVersion`]: requiredVersion('csi-driver', csiDriver) },
    isOptional: true,
  },
  coredns: { binaries: { coredns: '.' } },
  pause: { binaries: { pause: '.' } },
  kind: {
    binaries: { kind: 'sigs.k8s.io/kind' },
    assets: [{ module: 'sigs.k8s.io/kind', path: 'images/base/files', name: 'node' }],
  },
  helm: { binaries: { helm: 'helm.sh/helm/v4/cmd/helm' } },
  'csi-sanity': { binaries: { 'csi-sanity': 'github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity' } },
};

/** Versions of Kubernetes that are not chosen, and so are neither used nor built. */
const unused: ReadonlySet<string> = new Set(
  Object.values(kubernetesModules).filter((module) => module !== kubernetesModule),
);

/** The modules that a run of the tests uses. */
export const usedModules: readonly string[] = Object.keys(toolModules).filter((module) => !unused.has(module));

/** Directory of the module that builds the named binary; throws with the list of known names. */
export function moduleOf(binary: string): string {
  const owner = usedModules.find((module) => binary in (toolModules[module]?.binaries ?? {}));
  if (owner === undefined) {
    const known = usedModules.flatMap((module) => Object.keys(toolModules[module]?.binaries ?? {}));
    throw new Error(`unknown tool "${binary}", expected one of ${known.join(', ')}`);
  }
  return owner;
}
