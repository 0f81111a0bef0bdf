import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import type { Cluster } from '../../cluster/cluster.ts';
import { toolEnvironment } from '../../cluster/kubernetes-tools.ts';
import { toolPath } from '../../tools/build.ts';
import { defaultNamespace } from './certificate-pod.ts';
import type { PodRef } from './pod-files.ts';

/**
 * Runs an endless kubectl command (`logs --follow`, `get --watch`) until its lines are sufficient, and returns them. If
 * it exits or times out, the error shows the lines.
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
    const why = deadline.aborted ? `was not sufficient after ${timeoutMs} ms` : 'exited too early';
    throw new Error(`kubectl ${args.join(' ')} ${why}:\n${lines.slice(-20).join('\n')}\n${complaint}`);
  } finally {
    deadline.removeEventListener('abort', end);
    end();
  }
}

/** Lines of a pod's log, once they are sufficient. */
export function followLog(
  cluster: Cluster,
  { name, namespace = defaultNamespace }: PodRef,
  isEnough: (lines: readonly string[]) => boolean,
  timeoutMs?: number,
): Promise<readonly string[]> {
  return followUntil(cluster, ['logs', '--follow', name, '--namespace', namespace], isEnough, timeoutMs);
}
