import { toolPath } from '../tools/build.ts';
import { run, type CommandOptions, type CommandResult } from './command.ts';

/** kubectl and helm, run as the administrator of one cluster. */
export class KubernetesTools {
  readonly #prefix: readonly string[];
  readonly #env: Readonly<Record<string, string>>;

  /** `prefix` puts a process where the kubeconfig's server can be reached. */
  constructor(prefix: readonly string[], kubeconfig: string) {
    this.#prefix = prefix;
    this.#env = { KUBECONFIG: kubeconfig };
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

  async #run(tool: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
    return run([...this.#prefix, await toolPath(tool), ...args], { ...options, env: { ...this.#env, ...options.env } });
  }
}
