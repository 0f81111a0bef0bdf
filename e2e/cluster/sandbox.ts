import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { createCgroup, joinFile } from './cgroup.ts';
import { holdNamespaces, type NamespaceHolder } from './namespace-holder.ts';
import { identify, type ProcessIdentity } from './process-identity.ts';
import { clusterDirectory, newClusterName, writeRecord, type ClusterRecord } from './record.ts';
import { removeCluster, sweepDeadClusters, withClusterLock } from './sweep.ts';

/** The node's address inside its network namespace, where every component listens. */
export const nodeAddress = '10.90.0.1';

/**
 * The isolation of a cluster on the machine: a cgroup, a network namespace, for a full node a mount namespace, and a
 * directory.
 */
export class Sandbox {
  readonly name: string;
  readonly directory: string;
  readonly nodes: ClusterRecord['nodes'];
  /** The process whose namespaces are the cluster's. */
  readonly holder: ProcessIdentity;
  #outlive: NamespaceHolder['outlive'] = () => undefined;

  constructor(name: string, nodes: ClusterRecord['nodes'], holder: ProcessIdentity) {
    this.name = name;
    this.directory = clusterDirectory(name);
    this.nodes = nodes;
    this.holder = holder;
  }

  /** Creates a sandbox owned by this process, after removing those of dead owners. */
  static create(nodes: ClusterRecord['nodes'], log: (line: string) => void): Promise<Sandbox> {
    return withClusterLock(async () => {
      await sweepDeadClusters(log);
      const name = newClusterName();
      try {
        return await Sandbox.#make(name, nodes);
      } catch (error) {
        await removeCluster(name);
        throw error;
      }
    });
  }

  static async #make(name: string, nodes: ClusterRecord['nodes']): Promise<Sandbox> {
    const owner = identify(process.pid);
    await mkdir(clusterDirectory(name), { mode: 0o755 });
    await writeRecord(name, { owner, namespaceHolder: null, nodes });
    await createCgroup(name, nodes === 'full');
    const holder = await holdNamespaces(name, nodeAddress, nodes);
    await writeRecord(name, { owner, namespaceHolder: holder.process, nodes });
    const sandbox = new Sandbox(name, nodes, holder.process);
    sandbox.#outlive = holder.outlive;
    return sandbox;
  }

  /** argv prefix for a process in the cluster's network with the machine's files. The pid stays the command's. */
  get enterNetwork(): readonly string[] {
    return enter(this.name, `--net=/proc/${this.holder.pid}/ns/net`);
  }

  /** argv prefix for a process on the node: its network and, for a full node, its mounts. */
  get enterNode(): readonly string[] {
    if (this.nodes === 'control-plane') return this.enterNetwork;
    return enter(this.name, `--net=/proc/${this.holder.pid}/ns/net --mount=/proc/${this.holder.pid}/ns/mnt`);
  }

  path(...parts: string[]): string {
    return join(this.directory, ...parts);
  }

  /** The path of a node's file for this process. */
  nodePath(path: string): string {
    return this.nodes === 'full' ? join('/proc', String(this.holder.pid), 'root', path) : path;
  }

  /** Lets the cluster outlive this process. */
  async disown(): Promise<void> {
    this.#outlive();
    await writeRecord(this.name, { owner: null, namespaceHolder: this.holder, nodes: this.nodes });
  }

  destroy(): Promise<void> {
    return withClusterLock(() => removeCluster(this.name));
  }
}

/** Joins the cluster's cgroup first, so that the process can be found even if this one exits. */
function enter(name: string, namespaces: string): readonly string[] {
  // Entering a mount namespace changes the working directory to its root; this returns to the previous one if it exists
  // there.
  const inside = `sh -c 'cd "$0" 2>/dev/null; exec "$@"' "$PWD" "$@"`;
  return ['sh', '-c', `echo 0 > ${joinFile(name)} && exec nsenter ${namespaces} -- ${inside}`, name];
}
