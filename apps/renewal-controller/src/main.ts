import { systemClock } from '@certfleet/shared/clock.ts';
import { runProgram } from '@certfleet/shared/run-program.ts';
import { configHelp, readConfig } from './config.ts';
import { Controller } from './controller.ts';

await runProgram({
  title: 'certfleet renewal controller',
  help: configHelp,
  readConfig,
  create: (config, log) => new Controller({ config, env: process.env, clock: systemClock, log }),
});
