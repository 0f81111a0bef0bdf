import { systemClock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { configHelp, readConfig } from './config.ts';
import type { ControllerConfig } from './config.ts';
import { Controller } from './controller.ts';

/** sysexits.h: the command line was wrong. */
const usageExitCode = 64;

function configOrExit(argv: readonly string[]): ControllerConfig {
  if (argv.includes('--help')) {
    process.stdout.write(configHelp());
    process.exit(0);
  }
  try {
    return readConfig(argv, process.env);
  } catch (thrown) {
    process.stderr.write(`certfleet renewal controller: ${asCertfleetError(thrown).message}\n`);
    process.exit(usageExitCode);
  }
}

const config = configOrExit(process.argv.slice(2));
const log = createLogger(config['log-level']);

/** Below the pod's terminationGracePeriodSeconds; Redis may be away and its client wait for it. */
const stopLimitMs = 20_000;
let isStopping = false;

function stop(controller: Controller, signal: string): void {
  if (isStopping) return;
  isStopping = true;
  log.info({ signal }, 'stopping');
  setTimeout(() => process.exit(1), stopLimitMs).unref();
  controller.stop().then(
    () => process.exit(0),
    (thrown: unknown) => {
      log.error({ error: asCertfleetError(thrown).message }, 'stop failed');
      process.exit(1);
    },
  );
}

try {
  const controller = new Controller({ config, env: process.env, clock: systemClock, log });
  process.on('SIGTERM', (signal) => stop(controller, signal));
  process.on('SIGINT', (signal) => stop(controller, signal));
  const ports = await controller.start();
  log.info(ports, 'listening');
} catch (thrown) {
  log.fatal({ error: asCertfleetError(thrown).message }, 'start failed');
  process.exit(1);
}
