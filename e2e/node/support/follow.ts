import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import type { Cluster } from '../../cluster/cluster.ts';
import { toolEnvironment } from '../../cluster/kubernetes-tools.ts';
import { toolPath } from '../../tools/build.ts';
import { defaultNamespace } from './certificate-pod.ts';
import type { PodRef } from './pod-files.ts';

/**
 * Runs a kubectl command that goes on for ever (`logs --follow`, `get --watch`) until the lines so far are enough, and
 * returns them. The error of one that ends or takes too long shows them.
 */
export async function followUntil(
  cluster: Cluster,
  args: readonly string[],
  isEnough: (lines: readonly string[]) => boolean,
  timeoutMs = 60_000,
): Promise<readonly string[]> {
  const [file = '', ...rest] = [...cluster.enterNamespace, await toolPath('kubectl'), ...args];
  const deadline = AbortSignal.timeout(timeoutMs);
  const child = spawn(file, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...toolEnvironment(cluster) },
  });
  const end = (): void => void child.kill('SIGKILL');
  deadline.addEventListener('abort', end);
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const lines: string[] = [];
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (isEnough(lines)) return lines;
    }
    const why = deadline.aborted ? `was not enough after ${timeoutMs} ms` : 'ended too early';
    throw new Error(`kubectl ${args.join(' ')} ${why}:\n${lines.slice(-20).join('\n')}\n${complaint}`);
  } finally {
    deadline.removeEventListener('abort', end);
    end();
  }
}

/** Lines of a pod's log, once there are enough of them. */
export function followLog(
  cluster: Cluster,
  { name, namespace = defaultNamespace }: PodRef,
  isEnough: (lines: readonly string[]) => boolean,
  timeoutMs?: number,
): Promise<readonly string[]> {
  return followUntil(cluster, ['logs', '--follow', name, '--namespace', namespace], isEnough, timeoutMs);
}
