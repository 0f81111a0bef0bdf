import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Scenario } from './scenario.ts';

/** A scenario that once broke a rule, stored completely: seeds may generate other scenarios later. */
export interface Schedule {
  /** What was wrong. */
  readonly was: string;
  readonly scenario: Scenario;
}

const directory = join(import.meta.dirname, 'schedules');

/** Regression scenarios: the smallest schedule of each fault that the simulation found. */
export function readSchedules(): readonly Schedule[] {
  const names = readdirSync(directory).filter((name) => name.endsWith('.json'));
  return names.sort().map((name) => readSchedule(basename(name, '.json')));
}

/** A schedule by its file name without extension. */
export function readSchedule(name: string): Schedule {
  const text = readFileSync(join(directory, `${name}.json`), 'utf8');
  const { was, scenario } = JSON.parse(text, withInfinity) as Schedule;
  return { was, scenario: { ...scenario, replay: `--schedule ${name}` } };
}

/** Stores a scenario; add the description of the fault to the file. */
export function writeSchedule(name: string, scenario: Scenario): void {
  const text = JSON.stringify({ was: '', scenario: { ...scenario, replay: undefined } }, withoutInfinity, 2);
  writeFileSync(join(directory, `${name}.json`), `${text}\n`);
}

// JSON cannot represent Infinity.
function withInfinity(_key: string, value: unknown): unknown {
  return value === 'Infinity' ? Infinity : value;
}

function withoutInfinity(_key: string, value: unknown): unknown {
  return value === Infinity ? 'Infinity' : value;
}
