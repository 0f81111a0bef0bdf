import type { CertManagerOptions } from './cert-manager.ts';
import type { CommandOptions, CommandResult } from './command.ts';
import type { Forward } from './forward.ts';
import type { ImageBuild } from './images/build-context.ts';

export interface ClusterOptions {
  /** `control-plane` has an API server and cert-manager but no kubelet; `full` runs pods. */
  readonly nodes: 'control-plane' | 'full';
  /** false omits cert-manager and its CustomResourceDefinitions. */
  readonly certManager?: CertManagerOptions | false;
  /** Additional flags of kube-apiserver. A function gets the cluster's directory, for files that they name. */
  readonly apiServerArgs?: readonly string[] | ((directory: string) => Promise<readonly string[]>);
  /** The kubelet's root directory, /var/lib/kubelet by default. */
  readonly kubeletRootDir?: string;
  /** The cluster outlives this process until `main.ts down`. */
  readonly detached?: boolean;
  /** Receives a line about each step of the start; nothing is logged by default. */
  readonly log?: (line: string) => void;
}

/** The capabilities of a cluster, so that a test can skip with a reason. */
export interface Capabilities {
  /** Components can be stopped, killed and started, and their logs read. */
  readonly components: boolean;
  /** Pods run. */
  readonly pods: boolean;
  /** `buildImages` works. */
  readonly images: boolean;
  /** `exec`, `enterNamespace`, `nodePath` and `forward` reach the node. */
  readonly node: boolean;
  /** cert-manager runs with the requested options. */
  readonly certManagerOptions: boolean;
  /** Why one of the capabilities is false; empty if all are true. */
  readonly reason: string;
}

/** A process of the cluster that tests may stop and restart. */
export interface ManagedComponent {
  readonly name: string;
  readonly running: boolean;
  readonly pid: number | null;
  readonly logFile: string;
  /** Starts it with these additional flags for this run, and resolves when it is ready. */
  start(extraArgs?: readonly string[]): Promise<void>;
  /** Sends SIGTERM and waits for the exit. */
  stop(): Promise<void>;
  /** Sends a signal (SIGKILL by default) and waits for the exit. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Sends a signal that does not end it, such as SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void;
  restart(extraArgs?: readonly string[]): Promise<void>;
}

export const componentNames = [
  'etcd',
  'apiServer',
  'controllerManager',
  'certManager',
  'certManagerWebhook',
  'scheduler',
  'containerd',
  'kubelet',
  'kubeProxy',
  'coreDns',
  'registry',
] as const;
export type ComponentName = (typeof componentNames)[number];

/** A running Kubernetes, local or external. */
export interface Cluster extends Readonly<Record<ComponentName, ManagedComponent>>, AsyncDisposable {
  readonly name: string;
  /** Name of the node object of a full cluster. */
  readonly nodeName: string;
  readonly capabilities: Capabilities;
  /** The administrator's kubeconfig, valid inside the cluster's network namespace. */
  readonly kubeconfig: string;
  /** A directory with the same path for the test and for processes on the node; removed with the cluster. */
  readonly directory: string;
  /** argv prefix that runs a command on the node; the pid stays the command's. */
  readonly enterNamespace: readonly string[];
  kubectl(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  helm(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Server-side apply of YAML text, or of one or more objects. */
  apply(manifest: string | object | readonly object[]): Promise<void>;
  /** Creates a namespace and waits until pods can be created in it. */
  createNamespace(name: string): Promise<void>;
  /** Runs a command on the node. */
  exec(command: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** The path of a node's file for this process. */
  nodePath(path: string): string;
  /** Opens a port in this process's network that leads to one of the cluster's. */
  forward(port: number, host?: string): Promise<Forward>;
  /** A kubeconfig that is valid in this process's network. */
  localKubeconfig(): Promise<string>;
  /** Builds images from Dockerfiles and makes them available to the cluster's pods. */
  buildImages(builds: readonly ImageBuild[]): Promise<void>;
  /** Puts the images of the tests into the cluster's registry. */
  loadBaseImages(): Promise<void>;
  /** Path of a component's log. */
  logs(component: ComponentName): string;
  /** Ends the cluster and removes it completely. */
  stop(): Promise<void>;
}
