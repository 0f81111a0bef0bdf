import { asCertfleetError } from './errors.ts';
import { createLogger } from './logger.ts';
import type { Logger } from './logger.ts';

interface Service {
  /** Resolves with the fields to log, such as the ports it listens on. */
  start(): Promise<object>;
  stop(): Promise<void>;
}

export interface Program<Config extends { readonly 'log-level': number }> {
  /** The name on standard error before the logger exists. */
  readonly title: string;
  readonly help: () => string;
  readonly readConfig: (argv: readonly string[], env: NodeJS.ProcessEnv) => Config;
  readonly create: (config: Config, log: Logger) => Service;
  /** Ends the process; process.exit by default. */
  readonly exit?: (code: number) => void;
}

/** sysexits.h: EX_USAGE. */
const usageExitCode = 64;
/** Longer than the grace of active calls, below a pod's terminationGracePeriodSeconds. */
const stopLimitMs = 20_000;

/** Reads the command line, starts the service, stops it on SIGTERM or SIGINT, and maps each outcome to an exit code. */
export async function runProgram<Config extends { readonly 'log-level': number }>(
  program: Program<Config>,
): Promise<void> {
  const config = configOrExit(program, process.argv.slice(2));
  const log = createLogger(config['log-level']);
  try {
    const service = program.create(config, log);
    stopOnSignal(service, log, program.exit ?? ((code) => process.exit(code)));
    log.info(await service.start(), 'listening');
  } catch (thrown) {
    log.fatal({ error: asCertfleetError(thrown).message }, 'start failed');
    process.exit(1);
  }
}

function configOrExit<Config extends { readonly 'log-level': number }>(
  program: Program<Config>,
  argv: readonly string[],
): Config {
  if (argv.includes('--help')) {
    process.stdout.write(program.help());
    process.exit(0);
  }
  try {
    return program.readConfig(argv, process.env);
  } catch (thrown) {
    process.stderr.write(`${program.title}: ${asCertfleetError(thrown).message}\n`);
    process.exit(usageExitCode);
  }
}

function stopOnSignal(service: Service, log: Logger, exit: (code: number) => void): void {
  let isStopping = false;
  const stop = (signal: string): void => {
    if (isStopping) return;
    isStopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => exit(1), stopLimitMs).unref();
    service.stop().then(
      () => exit(0),
      (thrown: unknown) => {
        log.error({ error: asCertfleetError(thrown).message }, 'stop failed');
        exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}
