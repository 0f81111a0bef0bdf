import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Written to the command's standard input. */
  readonly input?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** argv prefix that selects where the command runs; errors omit it. */
  readonly prefix?: readonly string[];
  readonly cwd?: string;
  /** The command is killed after this time, 120,000 by default. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A command failed; the message contains the command and its stderr. */
export class CommandError extends Error {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(argv: readonly string[], exitCode: number | null, reason: string, output: CommandResult) {
    super(`${argv.join(' ')}: ${reason}\n${output.stderr.trim()}`);
    this.name = 'CommandError';
    this.exitCode = exitCode;
    this.stdout = output.stdout;
    this.stderr = output.stderr;
  }
}

/** Runs a command and returns its output; rejects with a CommandError unless it exits with 0. */
export async function run(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { input, env = {}, prefix = [], cwd, timeoutMs = 120_000, signal } = options;
  const [file = '', ...args] = [...prefix, ...argv];
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    ...(cwd === undefined ? {} : { cwd }),
    ...(signal === undefined ? {} : { signal }),
  });
  const ended = new Promise<{ code: number | null; endSignal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, endSignal) => resolve({ code, endSignal }));
  });
  // A command that does not read its input may exit before all of it is written.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input ?? '');
  const [stdout, stderr, { code, endSignal }] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code === 0) return { stdout, stderr };
  const reason =
    endSignal === null ? `exit code ${String(code)}` : `ended by ${endSignal} (time limit ${timeoutMs} ms)`;
  throw new CommandError(argv, code, reason, { stdout, stderr });
}
