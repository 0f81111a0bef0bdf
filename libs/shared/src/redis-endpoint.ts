import { CertfleetError } from './errors.ts';

/** One Redis server or Sentinel. */
interface RedisServer {
  readonly host: string;
  readonly port: number;
}

/** The address and parameters of a Redis without the user; the controller sends it to its agents. */
export interface RedisEndpoint {
  /** `sentinel` servers report the master, `cluster` servers the slots. */
  readonly kind: 'single' | 'sentinel' | 'cluster';
  readonly servers: readonly RedisServer[];
  /** The master's name in the Sentinels' configuration. */
  readonly masterName?: string;
  /** Credentials for Sentinels that require them. Secret: never logged. */
  readonly sentinelUser?: { readonly username?: string; readonly password: string };
  /** Database number, 0 by default. */
  readonly db?: number;
  /** Present when TLS is used. `ca` is PEM; without it, Node's default roots apply. */
  readonly tls?: { readonly ca?: string; readonly serverName?: string };
}

const kinds: ReadonlySet<unknown> = new Set<RedisEndpoint['kind']>(['single', 'sentinel', 'cluster']);

/**
 * Parses an endpoint from JSON.
 * @throws CertfleetError invalid-argument that names the missing part
 */
export function parseRedisEndpoint(text: string): RedisEndpoint {
  const value = parseObject(text);
  if (!kinds.has(value['kind'])) throw invalid('a kind of single, sentinel or cluster');
  const servers: unknown = value['servers'];
  if (!Array.isArray(servers) || servers.length === 0 || !servers.every(isServer)) throw invalid('servers');
  if (value['kind'] === 'sentinel' && typeof value['masterName'] !== 'string') throw invalid("the master's name");
  const tls: unknown = value['tls'];
  if (tls !== undefined && (typeof tls !== 'object' || tls === null)) throw invalid('tls as an object');
  return value as unknown as RedisEndpoint;
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Reported below, without the parser's quotation.
  }
  throw invalid('a JSON object');
}

function isServer(value: unknown): value is RedisServer {
  const { host, port } = (value ?? {}) as Partial<Record<keyof RedisServer, unknown>>;
  return typeof host === 'string' && host !== '' && Number.isInteger(port);
}

function invalid(expected: string): CertfleetError {
  return new CertfleetError('invalid-argument', `Redis endpoint: expected ${expected}, found something else`);
}
