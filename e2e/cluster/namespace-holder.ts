import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';

import { joinFile, killFile } from './cgroup.ts';
import { nodeMounts } from './node/mounts.ts';
import { identify, type ProcessIdentity } from './process-identity.ts';
import { clusterDirectory, type ClusterRecord } from './record.ts';

/** The process that keeps a cluster's namespaces in existence. */
export interface NamespaceHolder {
  readonly process: ProcessIdentity;
  /** Makes it stay when this process ends. Until then it ends the whole cluster together with this process. */
  readonly outlive: () => void;
}

/** Makes a cluster's namespaces, sets them up from inside, and leaves a process there. */
export async function holdNamespaces(
  name: string,
  address: string,
  nodes: ClusterRecord['nodes'],
): Promise<NamespaceHolder> {
  const full = nodes === 'full';
  const setup = [
    'set -e',
    'ip link set lo up',
    `ip address add ${address}/32 dev lo`,
    // Components look for the default route's address; there is no other network to reach.
    'ip route add default dev lo',
    ...(full ? nodeMounts(clusterDirectory(name)) : []),
    'echo ready',
    // Its input ends without a line when its owner dies, however that comes about.
    'if read -r stay; then exec sleep infinity; fi',
    `echo 1 > ${killFile(name)}`,
  ];
  const flags = full ? '--net --mount --propagation private' : '--net';
  const joined = `echo 0 > ${joinFile(name)} && exec unshare ${flags} sh -c "$0"`;
  const child = spawn('sh', ['-c', joined, setup.join('\n')], { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  // Its end breaks the pipe; by then nobody has anything to say to it.
  child.stdin.on('error', () => undefined);
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'close').then(() => Promise.reject(new Error(`the namespaces of ${name} were not made: ${complaint}`))),
  ]);
  const identity = child.pid === undefined ? null : identify(child.pid);
  if (identity === null) throw new Error(`the process that holds the namespaces of ${name} ended at once`);
  child.stdout.destroy();
  child.stderr.destroy();
  child.unref();
  if (child.stdin instanceof Socket) child.stdin.unref();
  return { process: identity, outlive: () => void child.stdin.write('stay\n') };
}
