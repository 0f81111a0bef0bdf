import { systemClock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { runProgram } from '@certfleet/shared/run-program.ts';
import type { Program } from '@certfleet/shared/run-program.ts';
import packageJson from '../package.json' with { type: 'json' };
import { Agent } from './agent.ts';
import type { OpenCertificateSource } from './certificate-source.ts';
import type { AgentConfig } from './config.ts';
import { endProcess } from './end-process.ts';
import { protectMemory } from './protect-memory.ts';

interface AgentProgram<Config extends AgentConfig> extends Pick<Program<Config>, 'help' | 'readConfig'> {
  readonly openSource: (config: Config) => OpenCertificateSource;
}

/** Runs the agent as this process: with its memory protected, until it is stopped or fails. */
export async function runAgent<Config extends AgentConfig>(program: AgentProgram<Config>): Promise<void> {
  await runProgram({
    title: 'certfleet node agent',
    help: program.help,
    readConfig: program.readConfig,
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
      const openSource = program.openSource(config);
      return new Agent({ config, openSource, env: process.env, version: packageJson.version, clock: systemClock, log });
    },
    exit: endProcess,
  });
}
