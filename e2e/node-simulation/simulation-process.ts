import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Runs the simulation in a child process, because it seeds Math.random and listens for unhandled rejections. */
export async function simulation(
  ...options: readonly string[]
): Promise<{ readonly code: unknown; readonly output: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...options]);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [unknown];
  return { code, output };
}
