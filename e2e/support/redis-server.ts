// A real redis-server for tests: a separate directory, an ephemeral loopback port, ended by its pid.
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { endWithProcess } from './end-with-process.ts';

export interface RedisServerOptions {
  /** Keeps an append-only file, so that `restart` keeps the data. */
  readonly appendOnly?: boolean;
  /** Additional arguments of redis-server. */
  readonly args?: readonly string[];
  /** A fixed port instead of a free one. */
  readonly port?: number;
  /** A command that runs it, such as one that enters a namespace. */
  readonly prefix?: readonly string[];
}

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  readonly directory: string;
  /** Ends it like a crash. */
  kill(): Promise<void>;
  /** Starts it again on the same port and directory. */
  start(): Promise<void>;
  /** Ends it permanently and removes its directory. */
  stop(): Promise<void>;
}

/** Starts a server and resolves when it is ready; rejects with its output when it fails. */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'certfleet-redis-'));
  const port = options.port ?? (await freePort());
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    child = await launch(directory, port, options);
  };
  const kill = async (): Promise<void> => {
    if (child?.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    directory,
    kill,
    start,
    async stop() {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function launch(directory: string, port: number, options: RedisServerOptions): Promise<ChildProcess> {
  const persistence = options.appendOnly === true ? ['--appendonly', 'yes'] : ['--appendonly', 'no'];
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory, '--save', '', ...persistence];
  const policy = ['--maxmemory-policy', 'noeviction'];
  const prefix = options.prefix ?? [];
  return await launchRedis([...args, ...policy, ...(options.args ?? [])], 'Ready to accept connections', prefix);
}

/** Runs redis-server, at the latest until this process exits; resolves once its output contains the text. */
export async function launchRedis(
  args: readonly string[],
  readyText: string,
  prefix: readonly string[] = [],
): Promise<ChildProcess> {
  const [file = '', ...rest] = [...prefix, 'redis-server', ...args];
  const child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  endWithProcess(child);
  let output = '';
  const { stdout } = child;
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`redis-server exited before it was ready:\n${output}`)));
    stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.includes(readyText)) resolve();
    });
  });
  // Keep reading, because a full pipe would block the server.
  stdout.removeAllListeners('data').resume();
  return child;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export interface RedisCluster {
  readonly url: string;
  readonly servers: readonly RedisServer[];
  stop(): Promise<void>;
}

/** Starts a Cluster of three masters that own all slots. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'];
  const servers = await Promise.all(
    // The bus uses the port 10,000 above the server's, which must also be valid.
    [0, 1, 2].map(async () => startRedisServer({ args, port: await freePortBelow(55_000) })),
  );
  const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
  await promisify(execFile)('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes']);
  return {
    url: `redis+cluster://${addresses.join(',')}`,
    servers,
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

async function freePortBelow(limit: number): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (port < limit) return port;
  }
}
