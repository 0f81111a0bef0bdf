import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { cacheDirectory } from '../tools/cache-directory.ts';
import { createCgroup, joinFile } from './cgroup.ts';
import { identify, type ProcessIdentity } from './process-identity.ts';
import { clusterDirectory, newClusterName, writeRecord, type ClusterRecord } from './record.ts';
import { removeCluster, sweepDeadClusters, withClusterLock } from './sweep.ts';

/** The node's address inside its network namespace, where every component listens. */
export const nodeAddress = '10.90.0.1';

/** Folders of the machine that each full node has for itself. */
const nodeFolders = ['/var/lib', '/var/log', '/run', '/tmp'];

/** What processes on the node run from, and therefore stays visible wherever the machine keeps it. */
const keptFolders = [cacheDirectory(), join(import.meta.dirname, '../..')];

const networkSetup = [
  'ip link set lo up',
  `ip address add ${nodeAddress}/32 dev lo`,
  // Components look for the default route's address; there is no other network to reach.
  'ip route add default dev lo',
];

/** A cluster's place on the machine: a cgroup, a network namespace, for a full node a mount namespace, a directory. */
export class Sandbox {
  readonly name: string;
  readonly directory: string;
  readonly nodes: ClusterRecord['nodes'];
  readonly holder: ProcessIdentity;

  constructor(name: string, nodes: ClusterRecord['nodes'], holder: ProcessIdentity) {
    this.name = name;
    this.directory = clusterDirectory(name);
    this.nodes = nodes;
    this.holder = holder;
  }

  /** Makes a new sandbox owned by this process, after removing those of dead owners. */
  static create(nodes: ClusterRecord['nodes'], log: (line: string) => void): Promise<Sandbox> {
    return withClusterLock(async () => {
      await sweepDeadClusters(log);
      const name = newClusterName();
      const owner = identify(process.pid);
      await mkdir(clusterDirectory(name), { mode: 0o755 });
      await writeRecord(name, { owner, namespaceHolder: null, nodes });
      await createCgroup(name, nodes === 'full');
      const holder = await holdNamespaces(name, nodes);
      await writeRecord(name, { owner, namespaceHolder: holder, nodes });
      return new Sandbox(name, nodes, holder);
    });
  }

  /** argv prefix for a process in the cluster's network with the machine's own files. The pid stays the command's. */
  get enterNetwork(): readonly string[] {
    return enter(this.name, `--net=/proc/${this.holder.pid}/ns/net`);
  }

  /** argv prefix for a process on the node: its network and, of a full node, its mounts. */
  get enterNode(): readonly string[] {
    if (this.nodes === 'control-plane') return this.enterNetwork;
    return enter(this.name, `--net=/proc/${this.holder.pid}/ns/net --mount=/proc/${this.holder.pid}/ns/mnt`);
  }

  path(...parts: string[]): string {
    return join(this.directory, ...parts);
  }

  /** Where this process finds a file of the node. */
  nodePath(path: string): string {
    return this.nodes === 'full' ? join('/proc', String(this.holder.pid), 'root', path) : path;
  }

  /** Lets the cluster outlive this process. */
  async disown(): Promise<void> {
    await writeRecord(this.name, { owner: null, namespaceHolder: this.holder, nodes: this.nodes });
  }

  destroy(): Promise<void> {
    return withClusterLock(() => removeCluster(this.name));
  }
}

/** Joins the cluster's cgroup first, so that the process is found again whatever becomes of this one. */
function enter(name: string, namespaces: string): readonly string[] {
  // Entering a mount namespace moves the process to its root; it goes back to where it was, if that exists there.
  const inside = `sh -c 'cd "$0" 2>/dev/null; exec "$@"' "$PWD" "$@"`;
  return ['sh', '-c', `echo 0 > ${joinFile(name)} && exec nsenter ${namespaces} -- ${inside}`, name];
}

/** Shell commands that give the node its own folders. */
function nodeMounts(directory: string): readonly string[] {
  const own = (path: string): string => join(directory, 'node', path);
  const bind = (from: string, to: string): string[] => [
    `mkdir -p "${from}" "${to}"`,
    `mount --rbind "${from}" "${to}"`,
  ];
  const hidden = keptFolders.filter((kept) => nodeFolders.some((folder) => kept.startsWith(`${folder}/`)));
  return [
    ...hidden.flatMap((kept) => bind(kept, own(kept))),
    ...nodeFolders.flatMap((folder) => bind(own(folder), folder)),
    'chmod 1777 /tmp',
    // Only now: a bind made of a shared mount joins its peers, and each later mount would appear at both places.
    'mount --make-rshared /',
  ];
}

/** Starts the process that keeps the namespaces alive, and sets them up from inside. */
async function holdNamespaces(name: string, nodes: ClusterRecord['nodes']): Promise<ProcessIdentity> {
  const mounts = nodes === 'full' ? nodeMounts(clusterDirectory(name)) : [];
  const flags = nodes === 'full' ? '--net --mount --propagation private' : '--net';
  const script = ['set -e', ...networkSetup, ...mounts, 'echo ready', 'exec sleep infinity'].join('\n');
  const joined = `echo 0 > ${joinFile(name)} && exec unshare ${flags} sh -c "$0"`;
  const child = spawn('sh', ['-c', joined, script], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'close').then(() => Promise.reject(new Error(`the namespaces of ${name} were not made: ${complaint}`))),
  ]);
  const identity = child.pid === undefined ? null : identify(child.pid);
  if (identity === null) throw new Error(`the process that holds the namespaces of ${name} ended at once`);
  child.stdout.destroy();
  child.stderr.destroy();
  child.unref();
  return identity;
}
