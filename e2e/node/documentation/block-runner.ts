import { mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Cluster } from '../../cluster/cluster.ts';
import { toolEnvironment } from '../../cluster/kubernetes-tools.ts';
import { toolPath } from '../../tools/build.ts';
import { releaseNamespace, repository } from '../support/release.ts';
import { documentedBlocks } from './documented-commands.ts';

const functionsKey = 'docs/runbook.md: certfleet() {';
const variablesKey =
  "docs/runbook.md: NODE=$(kubectl get nodes -o jsonpath='{.items[0].metadata.name}')   # or the node that the alert names";

/** Runs documented blocks on the node like a reader: in one directory, with the runbook's definitions. */
export class BlockRunner {
  readonly #cluster: Cluster;
  readonly #blocks = new Map(documentedBlocks().map(({ key, text }) => [key, text]));
  readonly #ran = new Set<string>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Blocks that have been run. */
  get ran(): ReadonlySet<string> {
    return this.#ran;
  }

  /** Runs a block; rejects when one of its commands fails. @returns all output */
  async run(key: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
    const cwd = await this.#folder();
    const { stdout, stderr } = await this.#cluster.exec('bash', ['-c', this.#script(key)], {
      cwd,
      env: { ...(await this.#environment()), ...env },
      timeoutMs: 180_000,
    });
    this.#ran.add(key);
    return `${stdout}${stderr}`;
  }

  /**
   * The runbook's functions precede each of its blocks, and its variables those that use them, independent of their
   * position in the page.
   */
  #script(key: string): string {
    const usesVariables = key !== variablesKey && /\$(?:NODE|AGENT)\b/.test(this.#text(key));
    const definitions = this.#text(functionsKey).replace(/^certfleet status$/m, '');
    const variables = this.#text(variablesKey).replace(/^certfleet .*$/gm, '');
    const isRunbook = key.startsWith('docs/runbook.md: ');
    const parts = [
      'set -euo pipefail',
      isRunbook && key !== functionsKey ? definitions : '',
      isRunbook && usesVariables ? variables : '',
      // "VOLUME is the last column."
      this.#text(key).includes('$VOLUME') ? "VOLUME=$(certfleet list | awk 'NR == 2 { print $NF }')" : '',
      this.#text(key),
    ];
    return parts.join('\n');
  }

  #text(key: string): string {
    const text = this.#blocks.get(key);
    if (text === undefined) throw new Error(`no block of commands ${key} in the documentation`);
    // The documentation uses cert-manager's namespace; here cert-manager runs outside the cluster, and the release has
    // its own namespace.
    return text.replaceAll(
      /(-n |--namespace |NS=|service-?account[=: ]|certfleet-controller\.)cert-manager\b/g,
      `$1${releaseNamespace}`,
    );
  }

  /** A working directory with the chart in it. */
  async #folder(): Promise<string> {
    const folder = join(this.#cluster.directory, 'reader');
    if ((await mkdir(folder, { recursive: true })) === undefined) return folder;
    for (const name of ['helm', 'examples']) await symlink(join(repository, name), join(folder, name));
    return folder;
  }

  async #environment(): Promise<Record<string, string>> {
    const tools = [dirname(await toolPath('kubectl')), dirname(await toolPath('helm')), dirname(process.execPath)];
    return {
      ...toolEnvironment({ kubeconfig: this.#cluster.kubeconfig, directory: this.#cluster.directory }),
      PATH: [...tools, process.env['PATH'] ?? ''].join(':'),
    };
  }
}
