import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { kubeconfigWithToken } from '../api/issuer-fixture.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { waitUntil } from '../cluster/wait.ts';
import { signerAccount } from '../fleet/kubelets/signer-rights.ts';
import { memoryOf } from './process-usage.ts';
import type { ProcessMemory } from './process-usage.ts';

const bundle = resolve(import.meta.dirname, '../../apps/pod-certificate-signer/dist/signer/signer.js');
/** As in the image, with Node's heap limit in a container with the chart's memory limit, 256 MiB. */
const nodeFlags = ['--max-semi-space-size=8', '--max-old-space-size=128'];

/** The bundled pod certificate signer in the network of a cluster, with the rights of the chart. */
export class BenchSigner implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts it and waits until it leads. */
  static async start(cluster: Cluster, namespace: string, token: string): Promise<BenchSigner> {
    const flags = [
      `--kubeconfig=${await kubeconfigWithToken(cluster, token, cluster.kubeconfig)}`,
      `--namespace=${namespace}`,
      `--lease-name=${signerAccount}`,
      '--ops-bind-address=0',
      '--trust-bundles',
    ];
    const [file = '', ...args] = [...cluster.enterNamespace, process.execPath, ...nodeFlags, bundle, ...flags];
    const signer = new BenchSigner(spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] }));
    const lease = ['get', 'lease', signerAccount, '-n', namespace, '-o', 'jsonpath={.spec.holderIdentity}'];
    const isLeading = (): Promise<boolean> =>
      cluster.kubectl(lease).then(
        ({ stdout }) => stdout !== '',
        () => false,
      );
    await waitUntil('the signer to lead', isLeading, { timeoutMs: 60_000, intervalMs: 200 });
    return signer;
  }

  get memory(): ProcessMemory {
    return memoryOf(this.#child.pid ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exited;
  }
}
