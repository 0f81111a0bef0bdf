import type { ChildProcess } from 'node:child_process';

const running = new Set<ChildProcess>();

// One listener for all: a test with a dozen processes would otherwise look like a leak of listeners.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Ends a child when this process exits: a test that crashes must not leave its servers running. */
export function endWithProcess(child: ChildProcess): void {
  running.add(child);
  child.once('exit', () => running.delete(child));
}
