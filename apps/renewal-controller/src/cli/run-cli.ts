import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import { apiClient } from './api-client.ts';
import { assertUsed, cliHelp, parseCli } from './cli-options.ts';
import { accessOf } from './reach-controller.ts';
import { commands } from './commands.ts';

export interface CliRun {
  /** How the user called the program: `certfleet` or `kubectl certfleet`. */
  readonly program?: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
}

/** EX_USAGE of sysexits.h. */
const usageExitCode = 64;

/** Part of the output is missing. */
const partialExitCode = 2;

/**
 * Runs one command.
 * @returns the exit code: 0 success; 1 the controller refused the request or could not be reached; 2 part of the answer
 *   could not be read; 64 invalid command line
 */
export async function runCli({ program = 'certfleet', argv, env, clock, print, printError }: CliRun): Promise<number> {
  try {
    const options = parseCli(argv);
    if (options.command === 'help') {
      print(cliHelp(program));
      return 0;
    }
    const command = Object.hasOwn(commands, options.command) ? commands[options.command] : undefined;
    if (command === undefined) {
      throw new CertfleetError('invalid-argument', `there is no command ${options.command}; see ${program} help`);
    }
    assertUsed(options, command.flags);
    const ask = apiClient(await accessOf(program, options, env));
    try {
      await command.run({ ask, options, clock, print });
    } finally {
      await ask.close();
    }
    return 0;
  } catch (thrown) {
    const error = asCertfleetError(thrown);
    printError(`${program}: ${error.message}\n`);
    if (error.reason === 'Partial') return partialExitCode;
    return error.code === 'invalid-argument' ? usageExitCode : 1;
  }
}
