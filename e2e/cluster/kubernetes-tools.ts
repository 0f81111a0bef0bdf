import { join } from 'node:path';

import { toolPath } from '../tools/build.ts';
import { run, type CommandOptions, type CommandResult } from './command.ts';
import { waitUntil } from './wait.ts';

interface CustomResourceDefinition {
  readonly spec: { readonly group: string; readonly names: { readonly plural: string } };
}

/** How to reach an API server, and with which identity. */
export interface ApiAccess {
  /** argv prefix of a process that can reach the kubeconfig's server. */
  readonly prefix: readonly string[];
  readonly kubeconfig: string;
  /** The directory for logs and other files of its users. */
  readonly directory: string;
}

/** Environment of kubectl and helm: the cluster, and caches that no other cluster shares. */
export function toolEnvironment({ kubeconfig, directory }: Omit<ApiAccess, 'prefix'>): Record<string, string> {
  return {
    KUBECONFIG: kubeconfig,
    // By default kubectl caches discovery by the server's address, which is the same in every cluster.
    KUBECACHEDIR: join(directory, 'kubectl-cache'),
    HELM_CACHE_HOME: join(directory, 'helm/cache'),
    HELM_CONFIG_HOME: join(directory, 'helm/config'),
    HELM_DATA_HOME: join(directory, 'helm/data'),
  };
}

/** kubectl and helm with the identity of a kubeconfig. */
export class KubernetesTools {
  readonly #access: ApiAccess;
  readonly #resolve: (tool: string) => Promise<string>;

  /** `resolve` returns the path of a tool. */
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

  /** Applies YAML text, or one or more objects, and returns when the API server has accepted them. */
  async apply(manifest: string | object | readonly object[]): Promise<void> {
    const items: readonly object[] = Array.isArray(manifest) ? manifest : [manifest];
    const input = typeof manifest === 'string' ? manifest : JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    await this.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input });
  }

  /** Applies a directory of CustomResourceDefinitions and waits until their resources can be listed. */
  async applyCrds(directory: string): Promise<void> {
    const applied = await this.kubectl(['apply', '--server-side', '--output', 'json', '-f', directory]);
    const list = JSON.parse(applied.stdout) as { items: CustomResourceDefinition[] } | CustomResourceDefinition;
    await this.kubectl(['wait', '--for=condition=Established', '--timeout=60s', '-f', directory]);
    await this.#waitUntilServed('items' in list ? list.items : [list]);
  }

  /** Creates a namespace and waits until pods can be created in it. */
  async createNamespace(name: string): Promise<void> {
    await this.kubectl(['create', 'namespace', name]);
    await this.waitForDefaultServiceAccount(name);
  }

  /** Pods are rejected until the controller manager has created their service account. */
  async waitForDefaultServiceAccount(namespace: string): Promise<void> {
    await this.kubectl(['wait', '--for=create', 'serviceaccount/default', '-n', namespace, '--timeout=60s']);
  }

  /** A definition is reported as established a moment before the API server serves it. */
  async #waitUntilServed(definitions: readonly CustomResourceDefinition[]): Promise<void> {
    const resources = definitions.map(({ spec: { group, names } }) => `${names.plural}.${group}`).join();
    // One process asks for all of them.
    const isServed = (): Promise<boolean> =>
      this.kubectl(['get', resources, '--all-namespaces', '--output', 'name']).then(
        () => true,
        () => false,
      );
    await waitUntil(`the API server to serve ${resources}`, isServed, { timeoutMs: 60_000, intervalMs: 100 });
  }

  async #run(tool: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
    const env = { ...toolEnvironment(this.#access), ...options.env };
    return run([await this.#resolve(tool), ...args], { prefix: this.#access.prefix, ...options, env });
  }
}
