import { applyFault } from './apply-fault.ts';
import type { RequestFault } from './api-server.ts';
import { canMeet } from './fault-points.ts';
import { KeyRing } from './key-ring.ts';
import { lives } from './lives.ts';
import type { Life, Stage } from './lives.ts';
import type { CallFailure, Fault, Scenario } from './scenario.ts';
import { World } from './world.ts';

/** The calls and requests of one stage of a life without failures. */
interface Calls {
  readonly file: readonly string[];
  readonly mount: readonly string[];
  readonly requests: number;
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
export async function* systematicScenarios(seed: number): AsyncGenerator<Scenario> {
  let index = 0;
  for (const life of lives(seed)) {
    for (const stage of life.stages) {
      const name = `${life.scenario.name}, ${stage.name}`;
      const calls = await callsOf(life, stage);
      for (const fault of faultsOf(life, stage, calls)) {
        yield { ...life.scenario, name, replay: `--seed ${seed} --systematic ${index}`, faults: merged(life, fault) };
        index += 1;
      }
    }
  }
}

function* faultsOf({ isThorough }: Life, { fromMs: atMs }: Stage, calls: Calls): Iterable<Fault> {
  for (const kind of ['file', 'mount'] as const) {
    for (const [code, ways] of Object.entries(failures[kind])) {
      const count = calls[kind].filter((call) => canMeet(call, code)).length;
      const all = isThorough && code !== 'KILL' ? thorough : ways;
      for (let skip = 0; skip < count; skip++)
        for (const failure of all) yield { atMs, kind, code, skip, ...failure } as CallFault;
    }
  }
  for (const fault of requestFaults)
    for (let skip = 0; skip < calls.requests; skip++) yield { atMs, kind: 'request', fault, count: 1, skip };
}

function merged({ scenario }: Life, fault: Fault): readonly Fault[] {
  return [...scenario.faults, fault].sort((a, b) => a.atMs - b.atMs);
}

let keys: KeyRing | undefined;

/** Runs the life with its own faults only, and lists its calls within the stage. */
async function callsOf({ scenario }: Life, { fromMs, untilMs }: Stage): Promise<Calls> {
  const world = new World(scenario, (keys ??= new KeyRing()), () => undefined);
  const calls = { file: [] as string[], mount: [] as string[], requests: 0 };
  const isWithin = (): boolean => world.time.nowMs > fromMs && world.time.nowMs <= untilMs;
  world.fileFaults.onCall = (call) => {
    if (isWithin()) calls.file.push(call);
  };
  world.mountFaults.onCall = (call) => {
    if (isWithin()) calls.mount.push(call);
  };
  world.server.onRequest = () => {
    if (isWithin()) calls.requests += 1;
  };
  await world.run(applyFault);
  const { violation } = world.rules;
  if (violation !== undefined)
    throw new Error(`${scenario.name} breaks rule ${violation.invariant} without a fault: ${violation.message}`);
  return calls;
}
