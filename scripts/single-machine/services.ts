import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePort } from './free-port.ts';
import { ServiceProcess } from './service-process.ts';

const root = resolve(import.meta.dirname, '../..');
const nodeName = 'this-machine';
const prefix = 'certfleet';

export interface ServiceListener {
  readonly onWarning: (line: string) => void;
  /** A certificate was issued: `mount`, `job` on request of the controller, `deadline` at the fallback deadline. */
  readonly onIssued: (pod: string, cause: string) => void;
}

/** The agent and, if redis-server is installed, the controller. */
export interface Services {
  readonly csiSocketPath: string;
  /** Address of the operators' API; undefined without a controller. */
  readonly apiUrl: string | undefined;
  /** Resolves with the name of the first service that exits unexpectedly. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

/** Starts the services in the scratch directory. Everything except the API listens on Unix sockets there. */
export async function startServices(scratch: string, { onWarning, onIssued }: ServiceListener): Promise<Services> {
  const hasRedis = spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;
  const run = (entry: string, flags: readonly string[]): ServiceProcess =>
    new ServiceProcess({
      command: process.execPath,
      args: [join(root, 'apps', entry), ...flags],
      onLine: (line, text) => {
        if (line.level !== 'info') onWarning(text);
        else if (line.msg === 'certificate issued') onIssued(String(line['pod']), String(line['cause']));
      },
    });
  const fleet = hasRedis ? await startController(scratch, run) : undefined;
  const csiSocketPath = join(scratch, 'csi.sock');
  const agent = run('node-agent/src/local-ca/main.ts', [
    `--node-id=${nodeName}`,
    `--endpoint=unix://${csiSocketPath}`,
    `--data-root=${join(scratch, 'agent')}`,
    `--local-ca=${join(scratch, 'ca')}`,
    ...(hasRedis
      ? [
          `--controller-address=unix://${join(scratch, 'fleet.sock')}`,
          `--controller-token-file=${join(scratch, 'token')}`,
          `--ca-rotations-directory=${join(scratch, 'intent/carotations')}`,
        ]
      : []),
  ]);
  return {
    csiSocketPath,
    apiUrl: fleet === undefined ? undefined : `http://127.0.0.1:${fleet.apiPort}`,
    ended: Promise.race([
      agent.ended.then(() => 'the agent'),
      ...(fleet?.services ?? []).map(({ name, process }) => process.ended.then(() => name)),
    ]),
    stop: async () => {
      for (const service of [agent, ...(fleet?.services.map(({ process }) => process) ?? [])]) await service.stop();
    },
  };
}

/** The controller and its Redis in the order of their stop, and the address of the API. */
interface FleetServices {
  readonly apiPort: number;
  readonly services: readonly { readonly name: string; readonly process: ServiceProcess }[];
}

async function startController(
  scratch: string,
  run: (entry: string, flags: readonly string[]) => ServiceProcess,
): Promise<FleetServices> {
  const [redisPort, apiPort] = [await freePort(16_379), await freePort(18_080)];
  const token = randomBytes(24).toString('base64url');
  writeFileSync(join(scratch, 'token'), token, { mode: 0o600 });
  writeFileSync(join(scratch, 'tokens'), `${token},${nodeName}\n`, { mode: 0o600 });
  const redis = new ServiceProcess({
    command: 'redis-server',
    args: ['--port', `${redisPort}`, '--bind', '127.0.0.1', '--dir', scratch, '--save', '', '--appendonly', 'no'],
  });
  const controller = run('renewal-controller/src/main.ts', [
    `--redis-url=redis://127.0.0.1:${redisPort}`,
    `--redis-prefix=${prefix}`,
    `--fleet-bind-address=unix://${join(scratch, 'fleet.sock')}`,
    `--agent-token-file=${join(scratch, 'tokens')}`,
    `--intent-directory=${join(scratch, 'intent')}`,
    '--api-auth=none',
    `--api-bind-address=127.0.0.1:${apiPort}`,
    '--ops-bind-address=0',
  ]);
  return {
    apiPort,
    services: [
      { name: 'the controller', process: controller },
      { name: 'redis-server', process: redis },
    ],
  };
}
