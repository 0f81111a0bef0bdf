import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ChaosOptions, ChaosSummary } from './chaos-options.ts';
import type { InsideMessage, InsideOrder } from './inside.ts';

export type { ChaosOptions, ChaosSummary } from './chaos-options.ts';

const namespaces = ['--net', '--pid', '--fork', '--mount-proc', '--kill-child=SIGKILL'];

/** Why a run is not possible here; undefined when it is. */
export function whyNoChaos(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root to create namespaces';
  for (const [program, ...args] of [
    ['unshare', ...namespaces, 'iptables', '-w', '-L', '-n'],
    ['redis-server', '--version'],
    ['ip', '-V'],
  ] as const) {
    try {
      execFileSync(program, args, { stdio: 'ignore' });
    } catch {
      return `needs ${program === 'unshare' ? 'namespaces and iptables' : program}`;
    }
  }
  return undefined;
}

/**
 * Runs the controller with Redis, replicas and agents under random faults for the given minutes.
 * @throws Error when the run itself failed; violations are in the summary
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosSummary> {
  const {
    minutes,
    seed = Math.floor(Math.random() * 1e9),
    agents = 200,
    volumesPerNode = 4,
    replicas = 2,
    faultsPerRound = 0,
    round = 0,
    logFile = '',
    say,
  } = options;
  const directory = mkdtempSync(join(tmpdir(), 'certfleet-chaos-'));
  const inside = resolve(import.meta.dirname, 'inside.ts');
  const child = spawn('unshare', [...namespaces, process.execPath, inside], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const end = (): void => {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  };
  process.once('exit', end);
  try {
    const { promise, resolve: settle, reject } = Promise.withResolvers<ChaosSummary>();
    child.on('message', (message: InsideMessage) => {
      if (message.kind === 'line') say?.(message.line);
      else if (message.kind === 'summary') settle(message.summary);
      else reject(new Error(message.error));
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`the run ended: ${String(code)} ${String(signal)}`)));
    const sizes = { agents, volumesPerNode, replicas, faultsPerRound };
    child.send({ minutes, seed, ...sizes, round, logFile, directory } satisfies InsideOrder);
    return await promise;
  } finally {
    process.off('exit', end);
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(directory, { recursive: true, force: true });
  }
}
