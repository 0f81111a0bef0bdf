import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { resolve } from 'node:path';
import { appBundle } from '../../support/app-bundle.ts';
import { endWithProcess } from '../../support/end-with-process.ts';

/** A controller in a child process. */
export interface ControllerProcess {
  readonly pid: number;
  /** The port for agents. */
  readonly fleetPort: number;
  /** The port of the operators' API; undefined when it is disabled. */
  readonly apiPort: number | undefined;
  /** A page of the port for metrics and probes. */
  ops(path: string): Promise<{ readonly status: number; readonly text: string }>;
  /** The value of one metric series; 0 when it is missing. */
  metric(series: string): Promise<number>;
  /** SIGTERM, as in a roll-out. */
  stop(): Promise<void>;
  /** SIGKILL: no shutdown messages. */
  kill(): Promise<void>;
}

const root = resolve(import.meta.dirname, '../../..');

/** Node's heap limit in a container with the chart's memory limit, 512 MiB, and the image's own flags. */
const heapOfChart = ['--max-old-space-size=256', '--max-semi-space-size=16', '--expose-gc'];
/** As in the image: the renewal-controller stage of the Dockerfile. */
const imageEnv = { MALLOC_ARENA_MAX: '1' };

/** The arguments of Node: of the program of the current sources, or of that of `npm run build` with the image's heap limit. */
export const controllerPrograms = {
  sources: () => [appBundle('renewal-controller', 'main.ts')],
  bundle: () => [...heapOfChart, resolve(root, 'apps/renewal-controller/dist/controller/controller.js')],
} as const;

/**
 * Starts a controller; rejects with its output when it exits before it listens.
 * @param prefix a command that runs it, such as one that enters a namespace
 */
export async function startControllerProcess(
  program: keyof typeof controllerPrograms,
  flags: readonly string[],
  prefix: readonly string[] = [],
): Promise<ControllerProcess> {
  const [file = '', ...args] = [...prefix, process.execPath, ...controllerPrograms[program](), ...flags];
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...imageEnv },
  });
  endWithProcess(child);
  const { fleet, api, ops } = await listening(child);
  const get = async (path: string): Promise<{ status: number; text: string }> => {
    const response = await fetch(`http://127.0.0.1:${ops}/${path}`);
    return { status: response.status, text: await response.text() };
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  };
  return {
    pid: child.pid ?? 0,
    fleetPort: fleet,
    apiPort: api,
    ops: get,
    async metric(series) {
      const { text } = await get('metrics');
      const line = text.split('\n').find((each) => each.startsWith(`certfleet_controller_${series} `));
      return Number(line?.split(' ').at(-1) ?? 0);
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

interface Listening {
  readonly fleet: number;
  readonly api?: number;
  readonly ops: number;
}

async function listening(child: ChildProcess): Promise<Listening> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('expected pipes');
  const lines: string[] = [];
  stderr.setEncoding('utf8').on('data', (text: string) => lines.push(text));
  const ports = await new Promise<Listening>((found, reject) => {
    child.once('exit', () => reject(new Error(`the controller exited:\n${lines.join('\n')}`)));
    createInterface(stdout).on('line', (line) => {
      lines.push(line);
      if (line.includes('"listening"')) found(JSON.parse(line) as Listening);
    });
  });
  // Keep reading, because a full pipe would block it; the output itself is no longer needed.
  stderr.removeAllListeners('data').resume();
  return ports;
}
