import { isIP, SocketAddress } from 'node:net';

/**
 * One name for who may share a limit: an IPv4 address, or the /64 of an IPv6 address, since a host has as many of those
 * addresses as it likes. Anything that is no address is one source.
 */
export function sourceOf(address: string): string {
  const [bare = ''] = address.split('%');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare;
  const family = isIP(mapped);
  if (family === 4) return mapped;
  if (family !== 6) return 'unknown';
  return `${groupsOf(mapped).slice(0, 4).join(':')}::/64`;
}

/** The source of a gRPC peer: `1.2.3.4:5`, `[::1]:5`, or anything else for a Unix socket. */
export function sourceAddressOf(peer: string): string {
  const match = /^\[?(.*?)\]?:\d+$/.exec(peer);
  return sourceOf(match?.[1] ?? '');
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): string[] {
  // Writes it in its one canonical form, without a dotted end.
  const { address: canonical } = new SocketAddress({ address, family: 'ipv6' });
  const [head = '', tail] = canonical.split('::');
  const before = head === '' ? [] : head.split(':');
  if (tail === undefined) return before;
  const after = tail === '' ? [] : tail.split(':');
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after];
}
