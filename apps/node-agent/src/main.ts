import { systemClock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { runProgram } from '@certfleet/shared/run-program.ts';
import packageJson from '../package.json' with { type: 'json' };
import { Agent } from './agent.ts';
import { configHelp, readConfig } from './config.ts';
import { endProcess } from './end-process.ts';
import { protectMemory } from './protect-memory.ts';

await runProgram({
  title: 'certfleet node agent',
  help: configHelp,
  readConfig,
  create: (config, log) => {
    const unprotected = protectMemory();
    if (unprotected !== undefined)
      log.error({ unprotected }, 'cannot protect memory: a core dump of this process may contain private keys');
    // By design no rejection is unhandled. If one occurs, the process ends and the kubelet restarts it.
    const end = (kind: string) => (thrown: unknown) => {
      log.fatal({ error: asCertfleetError(thrown).message }, kind);
      endProcess(70);
    };
    process.on('unhandledRejection', end('unhandled rejection'));
    process.on('uncaughtException', end('uncaught exception'));
    return new Agent({ config, env: process.env, version: packageJson.version, clock: systemClock, log });
  },
  exit: endProcess,
});
