// The supported forms of Redis, each as a real server, with the controller's flags for it.
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, startRedisCluster, startRedisServer } from '../../support/redis-server.ts';
import { startRedisSentinels } from '../../support/redis-sentinels.ts';
import { TestAuthority } from '../../support/test-authority.ts';
import type { FleetRedis } from './whole-fleet.ts';

export interface RedisKind extends FleetRedis {
  /** Runs a command as administrator on every master; returns redis-cli's output. */
  admin(...command: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

const guide = readFileSync(join(import.meta.dirname, '../../../docs/redis.md'), 'utf8');

/** A user exactly as documented; only the password is set by the test. */
function documentedUser(name: string): readonly string[] {
  const line = guide.split('\n').find((each) => each.startsWith(`user ${name} `));
  if (line === undefined) throw new Error(`docs/redis.md does not define the user ${name}`);
  return line.replace('>PASSWORD', `>${name}-password`).split(' ').slice(1);
}

async function cli(args: readonly string[]): Promise<string> {
  return (await promisify(execFile)('redis-cli', [...args])).stdout.trim();
}

function adminOf(...servers: readonly (readonly string[])[]): RedisKind['admin'] {
  return async (...command) => (await Promise.all(servers.map((args) => cli([...args, ...command])))).join('\n');
}

function passwordFile(directory: string, name: string): string {
  const path = join(directory, `${name}-password`);
  writeFileSync(path, `${name}-password\n`);
  return path;
}

async function startTls(directory: string, names: string, clientsProveThemselves: boolean): Promise<RedisKind> {
  const authority = new TestAuthority(directory);
  const server = authority.issue('server', names);
  const client = authority.issue('client', 'DNS:controller');
  const port = await freePort();
  const args = [
    ...['--port', '0', '--tls-port', `${port}`, '--tls-ca-cert-file', authority.files.certificateFile],
    ...['--tls-cert-file', server.certificateFile, '--tls-key-file', server.keyFile],
    ...['--tls-auth-clients', clientsProveThemselves ? 'yes' : 'no'],
  ];
  const redis = await startRedisServer({ port, args });
  const pair = ['--cert', client.certificateFile, '--key', client.keyFile];
  const known = ['--sni', names.replace(/^\w+:/, ''), '--cacert', authority.files.certificateFile];
  return {
    flags: [
      `--redis-url=rediss://127.0.0.1:${port}`,
      `--redis-ca-file=${authority.files.certificateFile}`,
      ...(clientsProveThemselves
        ? [`--redis-cert-file=${client.certificateFile}`, `--redis-key-file=${client.keyFile}`]
        : []),
    ],
    agentCertificate: clientsProveThemselves ? authority.issue('agent', 'DNS:agent') : undefined,
    admin: adminOf(['--tls', '-p', `${port}`, ...known, ...pair]),
    stop: () => redis.stop(),
  };
}

async function startWithUser(directory: string, nodeAccess: 'acl' | 'shared'): Promise<RedisKind> {
  const redis = await startRedisServer();
  const admin = ['-p', `${redis.port}`, '--no-auth-warning', '--user', 'admin', '--pass', 'admin-password'];
  const first = adminOf(['-p', `${redis.port}`]);
  for (const name of nodeAccess === 'acl' ? ['certfleet'] : ['certfleet-shared', 'certfleet-agents'])
    await first('ACL', 'SETUSER', ...documentedUser(name));
  await first('ACL', 'SETUSER', 'admin', 'on', '>admin-password', '~*', '&*', '+@all');
  await first('ACL', 'SETUSER', 'default', 'off');
  const name = nodeAccess === 'acl' ? 'certfleet' : 'certfleet-shared';
  const shared = [
    '--redis-node-access=shared',
    '--redis-node-username=certfleet-agents',
    `--redis-node-password-file=${passwordFile(directory, 'certfleet-agents')}`,
  ];
  return {
    flags: [
      `--redis-url=${redis.url}`,
      `--redis-username=${name}`,
      `--redis-password-file=${passwordFile(directory, name)}`,
      ...(nodeAccess === 'shared' ? shared : []),
    ],
    admin: adminOf(admin),
    stop: () => redis.stop(),
  };
}

async function startWithSentinels(directory: string): Promise<RedisKind> {
  const everything = 'user certfleet on >certfleet-password allchannels +@all';
  const agents = `user ${documentedUser('certfleet-sentinel').join(' ')}`;
  const set = await startRedisSentinels({
    sentinelLines: [
      everything,
      agents,
      'sentinel sentinel-user certfleet',
      'sentinel sentinel-pass certfleet-password',
      'user default off',
    ],
    sentinelCli: ['--no-auth-warning', '--user', 'certfleet', '--pass', 'certfleet-password'],
  });
  return {
    flags: [
      `--redis-url=${set.url}`,
      '--redis-sentinel-username=certfleet',
      `--redis-sentinel-password-file=${passwordFile(directory, 'certfleet')}`,
      '--redis-node-sentinel-username=certfleet-sentinel',
      `--redis-node-sentinel-password-file=${passwordFile(directory, 'certfleet-sentinel')}`,
    ],
    admin: async (...command) => await cli(['-p', `${(await set.master()).port}`, ...command]),
    stop: () => set.stop(),
  };
}

async function startCluster(directory: string): Promise<RedisKind> {
  const cluster = await startRedisCluster();
  const admin = adminOf(...cluster.servers.map(({ port }) => ['-p', `${port}`]));
  await admin('ACL', 'SETUSER', ...documentedUser('certfleet'), '+cluster|slots', '+cluster|info');
  const flags = ['--redis-username=certfleet', `--redis-password-file=${passwordFile(directory, 'certfleet')}`];
  return { flags: [`--redis-url=${cluster.url}`, ...flags], admin, stop: () => cluster.stop() };
}

/** Each kind by its description; `directory` is for its files. */
export const redisKinds: Readonly<Record<string, (directory: string) => Promise<RedisKind>>> = {
  'one server without users': async () => {
    const server = await startRedisServer();
    return {
      flags: [`--redis-url=${server.url}`],
      admin: adminOf(['-p', `${server.port}`]),
      stop: () => server.stop(),
    };
  },
  'one server over TLS, verified by its CA': (directory) => startTls(directory, 'IP:127.0.0.1', false),
  'one server that requires client certificates and has another name in its certificate': async (directory) => {
    const kind = await startTls(directory, 'DNS:redis.internal', true);
    return { ...kind, flags: [...kind.flags, '--redis-server-name=redis.internal'] };
  },
  'a user with exactly the documented permissions': (directory) => startWithUser(directory, 'acl'),
  'one user for all agents, without permission to create users': (directory) => startWithUser(directory, 'shared'),
  'a master and two replicas with Sentinels that require a password': startWithSentinels,
  'a Cluster, with the documented user': startCluster,
};
