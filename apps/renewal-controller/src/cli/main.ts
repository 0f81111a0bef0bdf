#!/usr/bin/env node
import { foregroundClock } from '@certfleet/shared/clock.ts';
import { programName } from './cli-options.ts';
import { runCli } from './run-cli.ts';

process.exitCode = await runCli({
  program: programName(process.argv[1] ?? ''),
  argv: process.argv.slice(2),
  env: process.env,
  clock: foregroundClock,
  print: (text) => process.stdout.write(text),
  printError: (text) => process.stderr.write(text),
});
