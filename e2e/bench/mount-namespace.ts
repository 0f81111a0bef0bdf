import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { BenchCluster } from './bench-cluster.ts';

const serviceAccountPath = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The mount namespace of a node's agents: with the ServiceAccount's files of their pod, and with the mounts of the agents,
 * which outlast a restart and end with it.
 */
export class MountNamespace {
  /** For the files of the agents. */
  readonly directory: string;
  /** A command that runs another one in this namespace and in the cluster's network. */
  readonly enter: readonly string[];
  readonly #holder: ChildProcess;

  private constructor(directory: string, holder: ChildProcess, enterNamespace: readonly string[]) {
    this.directory = directory;
    this.#holder = holder;
    const kill = ['setpriv', '--pdeathsig', 'KILL'];
    this.enter = [...enterNamespace, ...kill, 'nsenter', `--mount=/proc/${holder.pid ?? 0}/ns/mnt`, '--'];
  }

  static async start({ cluster, serviceAccountDirectory }: BenchCluster, directory: string): Promise<MountNamespace> {
    const mounts = `mount -t tmpfs none /run && mkdir -p ${serviceAccountPath} && mount --bind "$0" ${serviceAccountPath}`;
    const [file = '', ...args] = [
      ...[...cluster.enterNamespace, 'setpriv', '--pdeathsig', 'KILL'],
      ...['unshare', '--mount', '--propagation', 'private', '--'],
      // Ends when its input does.
      ...['sh', '-c', `${mounts} && echo ready && exec cat`, serviceAccountDirectory],
    ];
    const holder = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(holder, 'exit').then(() => {
      throw new Error('expected a mount namespace, its process ended');
    });
    await Promise.race([once(holder.stdout, 'data'), ended]);
    ended.catch(() => undefined);
    return new MountNamespace(directory, holder, cluster.enterNamespace);
  }

  async stop(): Promise<void> {
    const ended = once(this.#holder, 'exit');
    this.#holder.stdin?.end();
    await ended;
  }
}
