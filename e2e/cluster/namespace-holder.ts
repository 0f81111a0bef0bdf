import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';

import { joinFile, killFile } from './cgroup.ts';
import { nodeMounts } from './node/mounts.ts';
import { identify, type ProcessIdentity } from './process-identity.ts';
import { clusterDirectory, type ClusterRecord } from './record.ts';

/** The process that keeps a cluster's namespaces alive. */
export interface NamespaceHolder {
  readonly process: ProcessIdentity;
  /** Lets the cluster outlive this process. Until then the whole cluster ends with this process. */
  readonly outlive: () => void;
}

/** Creates and configures a cluster's namespaces, and leaves a process in them. */
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
    // Components look up the address of the default route; no other network is reachable.
    'ip route add default dev lo',
    ...(full ? nodeMounts(clusterDirectory(name)) : []),
    'echo ready',
    // Its input ends without a line when the owner exits for any reason.
    'if read -r stay; then exec sleep infinity; fi',
    `echo 1 > ${killFile(name)}`,
  ];
  const flags = full ? '--net --mount --propagation private' : '--net';
  const joined = `echo 0 > ${joinFile(name)} && exec unshare ${flags} sh -c "$0"`;
  const child = spawn('sh', ['-c', joined, setup.join('\n')], { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  // Its exit breaks the pipe; nothing is written to it by then.
  child.stdin.on('error', () => undefined);
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'close').then(() =>
      Promise.reject(new Error(`creating the namespaces of ${name} failed: ${complaint}`)),
    ),
  ]);
  const identity = child.pid === undefined ? null : identify(child.pid);
  if (identity === null) throw new Error(`the process that holds the namespaces of ${name} exited at once`);
  child.stdout.destroy();
  child.stderr.destroy();
  child.unref();
  if (child.stdin instanceof Socket) child.stdin.unref();
  return { process: identity, outlive: () => void child.stdin.write('stay\n') };
}
