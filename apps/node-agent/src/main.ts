import { systemClock } from '@certfleet/shared/clock.ts';
import { runProgram } from '@certfleet/shared/run-program.ts';
import packageJson from '../package.json' with { type: 'json' };
import { Agent } from './agent.ts';
import { configHelp, readConfig } from './config.ts';
import { endProcess } from './end-process.ts';

await runProgram({
  title: 'certfleet node agent',
  help: configHelp,
  readConfig,
  create: (config, log) =>
    new Agent({ config, env: process.env, version: packageJson.version, clock: systemClock, log }),
  exit: endProcess,
});
