// A master with two replicas under three Sentinels, all real, on ephemeral ports of the loopback.
import { execFile } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, launchRedis, startRedisServer } from './redis-server.ts';
import type { RedisServer } from './redis-server.ts';

/** How the set is started. */
export interface RedisSentinelsOptions {
  /** Further lines of the Sentinels' configuration. */
  readonly sentinelLines?: readonly string[];
  /** Arguments of redis-cli by which the Sentinels are asked. */
  readonly sentinelCli?: readonly string[];
}

/** A running set. */
export interface RedisSentinels {
  /** `redis+sentinel:` with all three. */
  readonly url: string;
  readonly servers: readonly RedisServer[];
  readonly sentinelPorts: readonly number[];
  /** The server that the Sentinels name as the master now. */
  master(): Promise<RedisServer>;
  /** Asks for a failover, as an operator does before maintenance. */
  failOver(): Promise<void>;
  stop(): Promise<void>;
}

const masterName = 'main';

/** Starts the set; it is whole (every Sentinel knows the others and both replicas) when this resolves. */
export async function startRedisSentinels(options: RedisSentinelsOptions = {}): Promise<RedisSentinels> {
  const first = await startRedisServer();
  const follow = ['--replicaof', '127.0.0.1', `${first.port}`, '--repl-diskless-sync-delay', '0'];
  const replicas = await Promise.all([0, 1].map(() => startRedisServer({ args: follow })));
  const servers = [first, ...replicas];
  const directory = await mkdtemp(join(tmpdir(), 'certfleet-sentinel-'));
  const sentinels = await Promise.all([0, 1, 2].map(() => startSentinel(directory, first.port, options)));
  const ask = async (port: number, ...args: readonly string[]): Promise<string> => {
    const cli = ['-p', `${port}`, ...(options.sentinelCli ?? []), 'SENTINEL', ...args];
    return (await promisify(execFile)('redis-cli', cli)).stdout;
  };
  const [{ port }] = sentinels as [Sentinel, ...Sentinel[]];
  const isWhole = async (asked: Sentinel): Promise<boolean> => {
    const [quorum, known] = [
      await ask(asked.port, 'CKQUORUM', masterName),
      await ask(asked.port, 'MASTER', masterName),
    ];
    return quorum.startsWith('OK 3 usable') && known.includes('num-slaves\n2\n');
  };
  for (const each of sentinels) while (!(await isWhole(each))) await new Promise((resolve) => setTimeout(resolve, 50));
  return {
    url: `redis+sentinel://${sentinels.map((each) => `127.0.0.1:${each.port}`).join(',')}/${masterName}`,
    servers,
    sentinelPorts: sentinels.map((each) => each.port),
    async master() {
      const [, masterPort] = (await ask(port, 'GET-MASTER-ADDR-BY-NAME', masterName)).split('\n');
      const found = servers.find((server) => `${server.port}` === masterPort);
      if (found === undefined) throw new Error(`expected a master of this set, found port ${masterPort ?? ''}`);
      return found;
    },
    async failOver() {
      const answer = await ask(port, 'FAILOVER', masterName);
      if (!answer.startsWith('OK')) throw new Error(`expected a failover, found ${answer}`);
    },
    async stop() {
      await Promise.all(sentinels.map(({ child }) => end(child)));
      await Promise.all(servers.map((server) => server.stop()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

interface Sentinel {
  readonly port: number;
  readonly child: ChildProcess;
}

async function startSentinel(
  directory: string,
  masterPort: number,
  { sentinelLines = [] }: RedisSentinelsOptions,
): Promise<Sentinel> {
  const port = await freePort();
  const path = join(directory, `${port}.conf`);
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${directory}`,
    `sentinel monitor ${masterName} 127.0.0.1 ${masterPort} 2`,
    `sentinel down-after-milliseconds ${masterName} 1000`,
    `sentinel failover-timeout ${masterName} 4000`,
    ...sentinelLines,
  ];
  // A Sentinel writes what it learns into its own file.
  await writeFile(path, `${lines.join('\n')}\n`);
  return { port, child: await launchRedis([path, '--sentinel'], '+monitor master') };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
