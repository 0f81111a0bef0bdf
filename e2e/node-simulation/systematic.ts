import { basename } from 'node:path';
import { applyFault } from './apply-fault.ts';
import type { RequestFault } from './api-server.ts';
import { canMeet } from './fault-points.ts';
import { KeyRing } from './key-ring.ts';
import { lives } from './lives.ts';
import type { Life, Stage } from './lives.ts';
import type { CallFailure, Fault, Scenario } from './scenario.ts';
import { World } from './world.ts';

/**
 * How many of the systematic scenarios: with `sample`, each call fails once per error and stage on each kind of file, and in
 * each life once on any file.
 */
export type SystematicExtent = 'sample' | 'all';

interface Call {
  readonly name: string;
  /** The file or the object, without what differs between volumes and payloads. */
  readonly target: string;
}

/** The calls and requests of one stage of a life without failures. */
interface Calls {
  readonly file: readonly Call[];
  readonly mount: readonly Call[];
  readonly requests: readonly Call[];
}

type CallFault = Extract<Fault, { readonly kind: 'file' | 'mount' }>;
type Failure = Omit<CallFailure<never>, 'skip' | 'code'>;

/** The call fails once, without further faults. */
const once: Failure = { count: 1 };
/** The agent restarts before the kubelet retries. */
const thenKilledAtOnce: Failure = { count: 1, killAfterMs: 100 };
/** The agent restarts after the kubelet's next call has succeeded. */
const thenKilledLater: Failure = { count: 1, killAfterMs: 5_000 };
/** Calls fail for a while, as on a full disk, and the agent restarts. */
const forAWhile: Failure = { count: 12, killAfterMs: 5_000 };

const thorough = [once, thenKilledAtOnce, thenKilledLater, forAWhile];

/** The failures of each call; lives that differ from the first in few calls use each code only once. */
const failures = {
  file: { ENOSPC: [forAWhile], EIO: [thenKilledAtOnce], EMFILE: [once], KILL: [once] },
  mount: { EBUSY: [forAWhile], EINVAL: [thenKilledAtOnce], EIO: [thenKilledLater], KILL: [once] },
} as const satisfies Record<CallFault['kind'], Partial<Record<CallFault['code'], readonly Failure[]>>>;

const requestFaults: readonly RequestFault[] = [
  { kind: 'throttle', retryAfterSeconds: 20 },
  { kind: 'error', status: 500 },
  { kind: 'reset-before' },
  { kind: 'reset-after' },
  { kind: 'hang-before' },
  { kind: 'hang-after' },
];

/**
 * All lives with each call on files and mounts and each request failing in each possible way, one scenario per failure.
 * Cases that random schedules rarely find, such as one failed write just before a restart, are always tested here.
 */
export async function* systematicScenarios(seed: number, extent: SystematicExtent = 'all'): AsyncGenerator<Scenario> {
  let index = 0;
  const sampled = new Set<string>();
  for (const life of lives(seed)) {
    for (const stage of life.stages) {
      const name = `${life.scenario.name}, ${stage.name}`;
      const calls = await callsOf(life, stage);
      for (const { fault, call, error } of faultsOf(life, stage, calls)) {
        const replay = `--seed ${seed} --systematic ${index}`;
        index += 1;
        const kinds = [`${stage.name} ${error} ${call.name} ${call.target}`, `${name} ${error} ${call.name}`];
        if (extent === 'sample' && kinds.every((kind) => sampled.has(kind))) continue;
        for (const kind of kinds) sampled.add(kind);
        yield { ...life.scenario, name, replay, faults: merged(life, fault) };
      }
    }
  }
}

interface SystematicFault {
  readonly fault: Fault;
  readonly call: Call;
  readonly error: string;
}

function* faultsOf({ isThorough }: Life, { fromMs: atMs }: Stage, calls: Calls): Iterable<SystematicFault> {
  for (const kind of ['file', 'mount'] as const) {
    for (const [code, ways] of Object.entries(failures[kind])) {
      const all = isThorough && code !== 'KILL' ? thorough : ways;
      const possible = calls[kind].filter(({ name }) => canMeet(name, code));
      for (const [skip, call] of possible.entries())
        for (const failure of rotated(all, skip))
          yield { fault: { atMs, kind, code, skip, ...failure } as CallFault, call, error: code };
    }
  }
  for (const fault of requestFaults)
    for (const [skip, call] of calls.requests.entries())
      yield { fault: { atMs, kind: 'request', fault, count: 1, skip }, call, error: JSON.stringify(fault) };
}

/** A sample has the first failure of a call, so each call begins with another one. */
function rotated(all: readonly Failure[], by: number): readonly Failure[] {
  const from = by % all.length;
  return [...all.slice(from), ...all.slice(0, from)];
}

function callOf(name: string, path: string): Call {
  return { name, target: basename(path).replaceAll(/[0-9a-f]*\d[0-9a-f]*/g, 'N') };
}

function merged({ scenario }: Life, fault: Fault): readonly Fault[] {
  return [...scenario.faults, fault].sort((a, b) => a.atMs - b.atMs);
}

let keys: KeyRing | undefined;

/** Runs the life with its own faults only, and lists its calls within the stage. */
async function callsOf({ scenario }: Life, { fromMs, untilMs }: Stage): Promise<Calls> {
  const world = new World(scenario, (keys ??= new KeyRing()), () => undefined);
  const calls = { file: [] as Call[], mount: [] as Call[], requests: [] as Call[] };
  const isWithin = (): boolean => world.time.nowMs > fromMs && world.time.nowMs <= untilMs;
  world.fileFaults.onCall = (name, path) => {
    if (isWithin()) calls.file.push(callOf(name, path));
  };
  world.mountFaults.onCall = (name, path) => {
    if (isWithin()) calls.mount.push(callOf(name, path));
  };
  world.server.onRequest = ({ method, path }) => {
    if (isWithin()) calls.requests.push(callOf(method, path));
  };
  await world.run(applyFault);
  const { violation } = world.rules;
  if (violation !== undefined)
    throw new Error(`${scenario.name} breaks rule ${violation.invariant} without a fault: ${violation.message}`);
  return calls;
}
