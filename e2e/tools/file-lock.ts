import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Runs `work` while this process holds the machine-wide lock of that file.
 *
 * flock(1) holds it and ends when its standard input closes, so the kernel also releases the lock of a killed process:
 * there are no stale locks.
 */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  // Its own session: Ctrl-C must not release the lock while the work is still unwinding.
  const holder = spawn('flock', [path, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  const exited = once(holder, 'close');
  try {
    await Promise.race([
      once(holder.stdout, 'data'),
      exited.then(() => Promise.reject(new Error(`flock exited without the lock ${path}`))),
    ]);
    return await work();
  } finally {
    holder.stdin.end();
    await exited;
  }
}
