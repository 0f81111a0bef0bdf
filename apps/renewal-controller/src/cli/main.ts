#!/usr/bin/env node
import { systemClock } from '@certfleet/shared/clock.ts';
import { programName } from './cli-options.ts';
import { runCli } from './run-cli.ts';

process.exitCode = await runCli({
  program: programName(process.argv[1] ?? ''),
  argv: process.argv.slice(2),
  env: process.env,
  // Delays must keep the process alive; the timers of the system clock do not.
  clock: { ...systemClock, schedule: keepingAlive },
  print: (text) => process.stdout.write(text),
  printError: (text) => process.stderr.write(text),
});

function keepingAlive(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
}
