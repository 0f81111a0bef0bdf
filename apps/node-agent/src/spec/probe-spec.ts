import { isIP } from 'node:net';
import { invalidValue, parseInteger } from './scalar-values.ts';

const serverName =
  /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** A TCP port: 1 to 65535. */
export function parsePort(text: string): number {
  const port = parseInteger(text);
  if (port < 1 || port > 65_535) throw invalidValue('must be a TCP port from 1 to 65535');
  return port;
}

/** A name for the TLS extension server_name: RFC 6066 allows DNS names only, without a dot at the end. */
export function parseServerName(text: string): string {
  if (isIP(text) === 0 && serverName.test(text)) return text;
  throw invalidValue('must be a DNS name without a wildcard and without a dot at its end');
}
