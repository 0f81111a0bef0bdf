import type { CertManagerOptions } from './cert-manager.ts';
import type { CommandOptions, CommandResult } from './command.ts';
import type { Forward } from './forward.ts';
import type { ImageBuild } from './images/builder.ts';

export interface ClusterOptions {
  /** `control-plane` has an API and cert-manager but no kubelet; `full` runs pods. */
  readonly nodes: 'control-plane' | 'full';
  /** false leaves cert-manager out, CustomResourceDefinitions and all. */
  readonly certManager?: CertManagerOptions | false;
  /** Further flags of kube-apiserver, such as an audit policy. */
  readonly apiServerArgs?: readonly string[];
  /** Where the kubelet keeps its files; /var/lib/kubelet unless told. */
  readonly kubeletRootDir?: string;
  /** The cluster outlives this process, until somebody runs `main.ts down`. */
  readonly detached?: boolean;
  /** Receives a line about each step of the start; nothing is logged unless told. */
  readonly log?: (line: string) => void;
}

/** What this cluster can do, so that a test can skip what it cannot, with the reason why. */
export interface Capabilities {
  /** Components can be stopped, killed and started, and their logs read. */
  readonly components: boolean;
  /** Pods run. */
  readonly pods: boolean;
  /** `buildImage` works. */
  readonly images: boolean;
  /** `exec`, `enterNamespace`, `nodePath` and `forward` reach the node. */
  readonly node: boolean;
  /** cert-manager runs with the options that were asked for. */
  readonly certManagerOptions: boolean;
  /** Why something above is false; empty when nothing is. */
  readonly reason: string;
}

/** A process of the cluster that tests may end and start again. */
export interface ManagedComponent {
  readonly name: string;
  readonly running: boolean;
  readonly pid: number | null;
  readonly logFile: string;
  /** Starts it with these flags added for this run, and resolves when it is ready. */
  start(extraArgs?: readonly string[]): Promise<void>;
  /** Asks it to end (SIGTERM) and waits until it has. */
  stop(): Promise<void>;
  /** Sends a signal that ends it (SIGKILL unless told) and waits until it has ended. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Sends a signal that does not end it, such as SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void;
  restart(extraArgs?: readonly string[]): Promise<void>;
}

/** The components by the names they have as members of a cluster. */
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

/** A running Kubernetes, made for the tests or given to them. */
export interface Cluster extends Readonly<Record<ComponentName, ManagedComponent>>, AsyncDisposable {
  readonly name: string;
  /** Name of the node object of a full cluster. */
  readonly nodeName: string;
  readonly capabilities: Capabilities;
  /** The administrator's kubeconfig, valid inside the cluster's network namespace. */
  readonly kubeconfig: string;
  /** A folder with the same path for the test and for processes on the node; it goes with the cluster. */
  readonly directory: string;
  /** argv prefix that runs a command on the node; the pid stays the command's own. */
  readonly enterNamespace: readonly string[];
  kubectl(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  helm(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Server-side apply of YAML text, or of an object or several. */
  apply(manifest: string | object | readonly object[]): Promise<void>;
  /** Makes a namespace and waits until pods can be made in it. */
  createNamespace(name: string): Promise<void>;
  /** Runs a command on the node. */
  exec(command: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** How this process reaches a file of the node. */
  nodePath(path: string): string;
  /** Opens a port of this process's own network that leads to one of the cluster's. */
  forward(port: number, host?: string): Promise<Forward>;
  /** A kubeconfig that is valid in this process's own network. */
  localKubeconfig(): Promise<string>;
  /** Builds an image from a Dockerfile and puts it where the cluster's pods pull from. */
  buildImage(build: ImageBuild): Promise<void>;
  /** Puts the images that tests use into the cluster's registry. */
  loadBaseImages(): Promise<void>;
  /** Path of a component's log. */
  logs(component: ComponentName): string;
  /** Ends the cluster and removes all of it. */
  stop(): Promise<void>;
}
