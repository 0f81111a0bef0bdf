import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePort } from './free-port.ts';
import { ServiceProcess } from './service-process.ts';

const root = resolve(import.meta.dirname, '../..');
const nodeName = 'this-machine';
const prefix = 'certfleet';

/** Who hears of what the services do. */
export interface ServiceListener {
  readonly onWarning: (line: string) => void;
  /** A certificate was issued: `mount`, `job` when the controller asked for it, `deadline` when the agent did itself. */
  readonly onIssued: (pod: string, cause: string) => void;
}

/** The agent, and with redis-server on this machine the controller too. */
export interface Services {
  readonly csiSocketPath: string;
  /** Where the operators' API is; undefined without a controller. */
  readonly apiUrl: string | undefined;
  /** Resolves with the name of the first service that ends, which none does by itself. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

/** Starts them in the scratch directory. Everything but the API listens on Unix sockets there. */
export async function startServices(scratch: string, { onWarning, onIssued }: ServiceListener): Promise<Services> {
  const hasRedis = spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;
  const run = (app: string, flags: readonly string[]): ServiceProcess =>
    new ServiceProcess({
      command: process.execPath,
      args: [join(root, 'apps', app, 'src/main.ts'), ...flags],
      onLine: (line, text) => {
        if (line.level !== 'info') onWarning(text);
        else if (line.msg === 'certificate issued') onIssued(String(line['pod']), String(line['cause']));
      },
    });
  const fleet = hasRedis ? await startController(scratch, run) : undefined;
  const csiSocketPath = join(scratch, 'csi.sock');
  const agent = run('node-agent', [
    `--node-id=${nodeName}`,
    `--endpoint=unix://${csiSocketPath}`,
    `--data-root=${join(scratch, 'agent')}`,
    `--local-ca=${join(scratch, 'ca')}`,
    ...(hasRedis
      ? [
          `--controller-address=unix://${join(scratch, 'fleet.sock')}`,
          `--controller-token-file=${join(scratch, 'token')}`,
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

/** The controller and its Redis, in the order in which they are to be stopped, and where the API is. */
interface FleetServices {
  readonly apiPort: number;
  readonly services: readonly { readonly name: string; readonly process: ServiceProcess }[];
}

async function startController(
  scratch: string,
  run: (app: string, flags: readonly string[]) => ServiceProcess,
): Promise<FleetServices> {
  const [redisPort, apiPort] = [await freePort(16_379), await freePort(18_080)];
  const token = randomBytes(24).toString('base64url');
  writeFileSync(join(scratch, 'token'), token, { mode: 0o600 });
  writeFileSync(join(scratch, 'tokens'), `${token},${nodeName}\n`, { mode: 0o600 });
  const redis = new ServiceProcess({
    command: 'redis-server',
    args: ['--port', `${redisPort}`, '--bind', '127.0.0.1', '--dir', scratch, '--save', '', '--appendonly', 'no'],
  });
  const controller = run('renewal-controller', [
    `--redis-url=redis://127.0.0.1:${redisPort}`,
    `--redis-prefix=${prefix}`,
    `--fleet-bind-address=unix://${join(scratch, 'fleet.sock')}`,
    `--agent-token-file=${join(scratch, 'tokens')}`,
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
