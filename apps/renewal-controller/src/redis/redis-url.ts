import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { RedisEndpoint } from '@certfleet/shared/redis-endpoint.ts';

/** The parts of a Redis URL: the address and the credentials. */
export interface RedisUrl {
  readonly endpoint: Omit<RedisEndpoint, 'tls'>;
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
}

const form =
  /^(?<scheme>rediss?(?:\+sentinel|\+cluster)?):\/\/(?:(?<credentials>[^@/]*)@)?(?<hosts>[^/@]+)(?<path>\/.*)?$/;
const hostForm = /^(?:\[(?<v6>[0-9a-f:.]+)\]|(?<name>[\w.-]+))(?::(?<port>\d{1,5}))?$/i;

/**
 * Parses `redis://[user[:password]@]host[:port][/db]`, `rediss:` for TLS, `redis+sentinel://h1,h2/master[/db]` and
 * `redis+cluster://h1,h2`. Throws invalid-argument; the message never contains the URL, which may contain a password.
 */
export function parseRedisUrl(url: string): RedisUrl {
  const { scheme = '', credentials, hosts = '', path = '' } = form.exec(url)?.groups ?? {};
  if (scheme === '')
    throw refused('redis://host:6379, rediss://, redis+sentinel://h1,h2/master or redis+cluster://h1,h2');
  const kind = kindOf(scheme);
  const names = hosts.split(',');
  if (kind === 'single' && names.length > 1)
    throw refused('one host, or redis+sentinel: or redis+cluster: for several');
  return {
    endpoint: {
      kind,
      servers: names.map((name) => serverOf(name, kind === 'sentinel' ? 26379 : 6379)),
      ...pathOf(path, kind),
    },
    tls: scheme.startsWith('rediss'),
    ...credentialsOf(credentials),
  };
}

function kindOf(scheme: string): RedisEndpoint['kind'] {
  if (scheme.endsWith('+sentinel')) return 'sentinel';
  return scheme.endsWith('+cluster') ? 'cluster' : 'single';
}

function pathOf(path: string, kind: RedisEndpoint['kind']): Pick<RedisEndpoint, 'masterName' | 'db'> {
  const segments = path.split('/').filter((segment) => segment !== '');
  if (kind !== 'sentinel') return { db: databaseOf(segments, kind) };
  const [masterName, ...rest] = segments;
  if (masterName === undefined) throw refused("the master's name after the hosts");
  return { masterName: decodeURIComponent(masterName), db: databaseOf(rest, kind) };
}

function databaseOf(segments: readonly string[], kind: RedisEndpoint['kind']): number {
  const [segment = '0', ...more] = segments;
  if (more.length > 0 || !/^\d{1,4}$/.test(segment)) throw refused('a database number as the last part of the path');
  // A Redis Cluster has database 0 only.
  if (kind === 'cluster' && segment !== '0') throw refused('no database number for a Redis Cluster');
  return Number(segment);
}

function serverOf(text: string, defaultPort: number): { host: string; port: number } {
  const { v6, name, port } = hostForm.exec(text)?.groups ?? {};
  const host = v6 ?? name;
  if (host === undefined || Number(port ?? 1) > 65_535) throw refused('hosts as name[:port] or [IPv6][:port]');
  return { host, port: Number(port ?? defaultPort) };
}

function credentialsOf(text: string | undefined): Pick<RedisUrl, 'username' | 'password'> {
  if (text === undefined || text === '') return {};
  const [user = '', ...rest] = text.split(':');
  return {
    ...(user !== '' && { username: decodeURIComponent(user) }),
    ...(rest.length > 0 && { password: decodeURIComponent(rest.join(':')) }),
  };
}

function refused(expected: string): CertfleetError {
  return new CertfleetError('invalid-argument', `invalid Redis url: expected ${expected}`);
}
