import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { SocketServer } from '../../../apps/node-agent/src/csi/socket-server.ts';
import { RegistrationService } from '../../../apps/node-agent/gen/pluginregistration/v1/api.ts';
import type { RegistrationServer } from '../../../apps/node-agent/gen/pluginregistration/v1/api.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { waitUntil } from '../../cluster/wait.ts';
import { toolPath } from '../../tools/build.ts';

/** The default data directory of csi-driver's chart. */
export const csiDriverDataRoot = '/tmp/cert-manager-csi-driver';

const driverName = 'csi.cert-manager.io';
const pluginDirectory = '/var/lib/kubelet/plugins/cert-manager-csi-driver';
const socket = `${pluginDirectory}/csi.sock`;
const startMs = 60_000;
const stopMs = 20_000;
/** In characters. */
const maxLog = 4_000;

/** cert-manager's csi-driver as a process on the node, with the flags of its chart. */
export class CsiDriver {
  readonly #cluster: Cluster;
  readonly #process: ChildProcess;
  readonly #registrar: SocketServer;
  #isRegistered = false;
  #log = '';

  private constructor(cluster: Cluster, dataRoot: string, binary: string) {
    this.#cluster = cluster;
    const flags = [
      `--driver-name=${driverName}`,
      `--node-id=${cluster.nodeName}`,
      `--endpoint=unix://${socket}`,
      // It resolves the path against the root, as in its image, and rejects a leading slash.
      `--data-root=${relative('/', dataRoot)}`,
      `--kubeconfig=${cluster.kubeconfig}`,
    ];
    const [file = '', ...args] = [...cluster.enterNamespace, binary, ...flags];
    this.#process = spawn(file, args, { cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.#log = `${this.#log}${chunk.toString()}`.slice(-maxLog)));
    }
    const path = cluster.nodePath(`/var/lib/kubelet/plugins_registry/${driverName}-reg.sock`);
    this.#registrar = new SocketServer(path);
    this.#registrar.add(RegistrationService, this.#registration());
  }

  /** Starts it; resolves when the kubelet has registered it. */
  static async start(cluster: Cluster, dataRoot: string = csiDriverDataRoot): Promise<CsiDriver> {
    await cluster.apply(csiDriverObject);
    await cluster.exec('mkdir', ['-p', pluginDirectory, dataRoot]);
    await cluster.exec('rm', ['-f', socket]);
    const driver = new CsiDriver(cluster, dataRoot, await toolPath('cert-manager-csi-driver'));
    try {
      await driver.#waits('csi-driver to listen', () => existsSync(cluster.nodePath(socket)));
      await driver.#registrar.start();
      await driver.#waits('the kubelet to register csi-driver', () => driver.#isRegistered);
      return driver;
    } catch (error) {
      await driver.#stop();
      throw error;
    }
  }

  /** Ends it like `helm uninstall`: its volumes stay mounted, its CSIDriver object is deleted. */
  async uninstall(): Promise<void> {
    await this.#stop();
    await this.#cluster.kubectl(['delete', 'csidriver', driverName]);
  }

  /** As node-driver-registrar, the sidecar of its chart. */
  #registration(): RegistrationServer {
    return {
      getInfo: (_call, answer) =>
        answer(null, { type: 'CSIPlugin', name: driverName, endpoint: socket, supportedVersions: ['1.0.0'] }),
      notifyRegistrationStatus: ({ request }, answer) => {
        this.#isRegistered = request.pluginRegistered;
        if (!request.pluginRegistered) this.#log += `the kubelet rejected it: ${request.error}\n`;
        answer(null, {});
      },
    };
  }

  #waits(what: string, isSo: () => boolean): Promise<void> {
    const isSoOrEnded = (): boolean => {
      if (this.#hasEnded()) throw new Error(`csi-driver exited: ${this.#log}`);
      return isSo();
    };
    const explain = (): Promise<string> => Promise.resolve(this.#log);
    return waitUntil(what, () => Promise.resolve(isSoOrEnded()), { timeoutMs: startMs, explain });
  }

  #hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  async #stop(): Promise<void> {
    await this.#registrar.stop(1_000);
    if (this.#hasEnded()) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    const forced = setTimeout(() => this.#process.kill('SIGKILL'), stopMs);
    await ended;
    clearTimeout(forced);
  }
}

/** Lets a volume become due for the driver that continues it, while no driver runs. */
export async function makeDue(cluster: Cluster, dataRoot: string, volumeId: string): Promise<void> {
  const path = cluster.nodePath(join(dataRoot, 'inmemfs', volumeId, 'metadata.json'));
  const metadata = JSON.parse(await readFile(path, 'utf8')) as Readonly<Record<string, unknown>>;
  const nextIssuanceTime = new Date(Date.now() - 1_000).toISOString();
  await writeFile(path, JSON.stringify({ ...metadata, nextIssuanceTime }));
}

const csiDriverObject = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSIDriver',
  metadata: { name: driverName },
  spec: { podInfoOnMount: true, volumeLifecycleModes: ['Ephemeral'] },
};
