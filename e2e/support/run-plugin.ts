import { execFile } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** The result of a command-line call. */
export interface CliOutcome {
  readonly exitCode: number;
  readonly output: string;
  readonly complaint: string;
}

const program = resolve(import.meta.dirname, '../../apps/renewal-controller/src/cli/main.ts');
/** A process that does not end by itself fails. */
const timeoutMs = 120_000;

/**
 * Runs the operators' command line as kubectl runs its plugin: as a process with the environment of a user.
 * @param directory where the program gets the name of the plugin
 */
export async function runPlugin(
  directory: string,
  env: Readonly<Record<string, string>>,
  ...argv: readonly string[]
): Promise<CliOutcome> {
  const link = join(directory, 'kubectl-certfleet');
  await symlink(program, link).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
  const options = { env: { PATH: process.env['PATH'], ...env }, timeout: timeoutMs, maxBuffer: 64 * 1024 ** 2 };
  return await new Promise((done, fail) => {
    execFile(process.execPath, [link, ...argv], options, (error, output, complaint) => {
      const exitCode = error === null ? 0 : error.code;
      if (typeof exitCode === 'number') done({ exitCode, output, complaint });
      else fail(new Error(`the command line did not end: ${complaint}`, { cause: error }));
    });
  });
}
