import { join } from 'node:path';

import { toolPath } from '../tools/build.ts';
import { run, type CommandOptions, type CommandResult } from './command.ts';

/** How to reach an API server, and as whom. */
export interface ApiAccess {
  /** argv prefix that puts a process where the kubeconfig's server can be reached. */
  readonly prefix: readonly string[];
  readonly kubeconfig: string;
  /** Takes logs and whatever else is left behind by who uses it. */
  readonly directory: string;
}

/** What kubectl and helm read from the environment: the cluster, and caches that no other cluster shares. */
export function toolEnvironment({ kubeconfig, directory }: Omit<ApiAccess, 'prefix'>): Record<string, string> {
  return {
    KUBECONFIG: kubeconfig,
    // By default kubectl keeps what it discovered by the server's address, which is the same in every cluster.
    KUBECACHEDIR: join(directory, 'kubectl-cache'),
    HELM_CACHE_HOME: join(directory, 'helm/cache'),
    HELM_CONFIG_HOME: join(directory, 'helm/config'),
    HELM_DATA_HOME: join(directory, 'helm/data'),
  };
}

/** kubectl and helm, run as the user of one kubeconfig. */
export class KubernetesTools {
  readonly #access: ApiAccess;
  readonly #resolve: (tool: string) => Promise<string>;

  /** `resolve` tells where a tool is. */
  constructor(access: ApiAccess, resolve = toolPath) {
    this.#access = access;
    this.#resolve = resolve;
  }

  kubectl(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return this.#run('kubectl', args, options);
  }

  helm(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return this.#run('helm', args, options);
  }

  /** Applies YAML text, or an object or several, and returns when the API server has taken them. */
  async apply(manifest: string | object | readonly object[]): Promise<void> {
    const items: readonly object[] = Array.isArray(manifest) ? manifest : [manifest];
    const input = typeof manifest === 'string' ? manifest : JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    await this.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input });
  }

  /** Makes a namespace and waits until pods can be made in it. */
  async createNamespace(name: string): Promise<void> {
    await this.kubectl(['create', 'namespace', name]);
    await this.waitForDefaultServiceAccount(name);
  }

  /** Pods are refused until the controller manager has made the service account they run as. */
  async waitForDefaultServiceAccount(namespace: string): Promise<void> {
    await this.kubectl(['wait', '--for=create', 'serviceaccount/default', '-n', namespace, '--timeout=60s']);
  }

  async #run(tool: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
    const env = { ...toolEnvironment(this.#access), ...options.env };
    return run([await this.#resolve(tool), ...args], { prefix: this.#access.prefix, ...options, env });
  }
}
