import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Scenario } from './scenario.ts';

/** A scenario that once broke a rule, kept whole: what a seed generates may change, this does not. */
export interface Schedule {
  /** What was wrong. */
  readonly was: string;
  readonly scenario: Scenario;
}

const directory = join(import.meta.dirname, 'schedules');

/** Every fault of the agent that the simulation found, in the smallest schedule that shows it. */
export function readSchedules(): readonly Schedule[] {
  const names = readdirSync(directory).filter((name) => name.endsWith('.json'));
  return names.sort().map((name) => readSchedule(basename(name, '.json')));
}

/** One of them, by its file's name without the ending. */
export function readSchedule(name: string): Schedule {
  const text = readFileSync(join(directory, `${name}.json`), 'utf8');
  const { was, scenario } = JSON.parse(text, withInfinity) as Schedule;
  return { was, scenario: { ...scenario, replay: `--schedule ${name}` } };
}

/** Keeps a scenario; what was wrong is to be written into the file. */
export function writeSchedule(name: string, scenario: Scenario): void {
  const text = JSON.stringify({ was: '', scenario: { ...scenario, replay: undefined } }, withoutInfinity, 2);
  writeFileSync(join(directory, `${name}.json`), `${text}\n`);
}

// JSON has no word for it.
function withInfinity(_key: string, value: unknown): unknown {
  return value === 'Infinity' ? Infinity : value;
}

function withoutInfinity(_key: string, value: unknown): unknown {
  return value === Infinity ? 'Infinity' : value;
}
