import { isIP, SocketAddress } from 'node:net';

/**
 * The source for rate limits: an IPv4 address, or the /64 network of an IPv6 address, because one host can use all of
 * it. All other values count as one source each.
 */
export function sourceOf(address: string): string {
  const [bare = ''] = address.split('%');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare;
  const family = isIP(mapped);
  if (family === 4) return mapped;
  if (family !== 6) return 'unknown';
  return `${groupsOf(mapped).slice(0, 4).join(':')}::/64`;
}

/** Source of a gRPC peer: `1.2.3.4:5`, `[::1]:5`, or another value for a Unix socket. */
export function sourceAddressOf(peer: string): string {
  const match = /^\[?(.*?)\]?:\d+$/.exec(peer);
  return sourceOf(match?.[1] ?? '');
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): string[] {
  // Canonical form, without a dotted IPv4 part.
  const { address: canonical } = new SocketAddress({ address, family: 'ipv6' });
  const [head = '', tail] = canonical.split('::');
  const before = head === '' ? [] : head.split(':');
  if (tail === undefined) return before;
  const after = tail === '' ? [] : tail.split(':');
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after];
}
