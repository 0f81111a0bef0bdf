// A master with two replicas under three Sentinels, all real, on ephemeral loopback ports.
import { execFile } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, launchRedis, startRedisServer } from './redis-server.ts';
import type { RedisServer } from './redis-server.ts';

export interface RedisSentinelsOptions {
  /** Additional lines of the Sentinels' configuration. */
  readonly sentinelLines?: readonly string[];
  /** Arguments of redis-cli to connect to the Sentinels. */
  readonly sentinelCli?: readonly string[];
}

export interface RedisSentinels {
  /** `redis+sentinel:` with all three. */
  readonly url: string;
  readonly servers: readonly RedisServer[];
  readonly sentinelPorts: readonly number[];
  /** The current master according to the Sentinels. */
  master(): Promise<RedisServer>;
  /** Requests a failover, as an operator does before maintenance. */
  failOver(): Promise<void>;
  stop(): Promise<void>;
}

const masterName = 'main';

/** Starts the set; resolves when it is complete (every Sentinel knows the others and both replicas). */
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
      if (found === undefined) throw new Error(`no server of this set is the master on port ${masterPort ?? ''}`);
      return found;
    },
    async failOver() {
      const answer = await ask(port, 'FAILOVER', masterName);
      if (!answer.startsWith('OK')) throw new Error(`the failover was rejected: ${answer}`);
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
  // A Sentinel writes its state into its own configuration file.
  await writeFile(path, `${lines.join('\n')}\n`);
  return { port, child: await launchRedis([path, '--sentinel'], '+monitor master') };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
