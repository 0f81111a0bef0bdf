import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { BlockList, isIP } from 'node:net';
import { sourceOf } from '../../identity/request-source.ts';

const maxConnections = 4_096;
/** Per address. */
const maxPerSource = 2_048;

/** Limits a server's connections in total and per address; addresses of trusted proxies are only part of the total. */
export function limitConnections(server: Server, trustedProxies: readonly string[]): void {
  const trusted = blockListOf(trustedProxies);
  const open = new Map<string, number>();
  server.maxConnections = maxConnections;
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    if (isTrusted(trusted, address)) return;
    const source = sourceOf(address);
    const count = open.get(source) ?? 0;
    if (count >= maxPerSource) {
      socket.destroy();
      return;
    }
    open.set(source, count + 1);
    socket.once('close', () => {
      const left = (open.get(source) ?? 1) - 1;
      if (left === 0) open.delete(source);
      else open.set(source, left);
    });
  });
}

function blockListOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', bits] = range.split('/');
    const family = isIP(network) === 6 ? 'ipv6' : 'ipv4';
    list.addSubnet(network, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
  }
  return list;
}

function isTrusted(list: BlockList, address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  const family = isIP(mapped);
  return family !== 0 && list.check(mapped, family === 6 ? 'ipv6' : 'ipv4');
}
