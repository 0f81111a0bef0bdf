import { systemClock } from '@certfleet/shared/clock.ts';
import { runProgram } from '@certfleet/shared/run-program.ts';
import { configHelp, readConfig } from './config.ts';
import { Signer } from './signer.ts';

await runProgram({
  title: 'certfleet pod certificate signer',
  help: configHelp,
  readConfig,
  create: (config, log) => new Signer({ config, env: process.env, clock: systemClock, log }),
});
