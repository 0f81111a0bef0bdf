import { systemClock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import packageJson from '../package.json' with { type: 'json' };
import { Agent } from './agent.ts';
import { configHelp, readConfig } from './config.ts';
import type { AgentConfig } from './config.ts';

/** sysexits.h: the command line was wrong. */
const usageExitCode = 64;

function configOrExit(argv: readonly string[]): AgentConfig {
  if (argv.includes('--help')) {
    process.stdout.write(configHelp());
    process.exit(0);
  }
  try {
    return readConfig(argv, process.env);
  } catch (thrown) {
    process.stderr.write(`certfleet node agent: ${asCertfleetError(thrown).message}\n`);
    process.exit(usageExitCode);
  }
}

const config = configOrExit(process.argv.slice(2));
const log = createLogger(config['log-level']);
const agent = new Agent({ config, env: process.env, version: packageJson.version, clock: systemClock, log });

/** Longer than the CSI sockets' grace; below the pod's terminationGracePeriodSeconds. */
const stopLimitMs = 20_000;
let isStopping = false;

function stop(signal: string): void {
  if (isStopping) return;
  isStopping = true;
  log.info({ signal }, 'stopping');
  setTimeout(() => process.exit(1), stopLimitMs).unref();
  agent.stop().then(
    () => process.exit(0),
    (thrown: unknown) => {
      log.error({ error: asCertfleetError(thrown).message }, 'stop failed');
      process.exit(1);
    },
  );
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);

try {
  const ports = await agent.start();
  log.info(ports, 'listening');
} catch (thrown) {
  log.fatal({ error: asCertfleetError(thrown).message }, 'start failed');
  process.exit(1);
}
