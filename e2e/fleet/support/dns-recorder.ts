import dns from 'node:dns/promises';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { TestContext } from 'node:test';

const nxDomain = 0x8183;

/**
 * Makes this process query a test DNS server that knows no name.
 *
 * @returns the queried names as they arrive; lookups of the system's resolver are not included
 */
export async function recordDnsQueries(t: TestContext): Promise<readonly string[]> {
  const asked: string[] = [];
  const server = createSocket('udp4', (query, { port, address }) => {
    asked.push(questionOf(query));
    const answer = Buffer.from(query);
    answer.writeUInt16BE(nxDomain, 2);
    server.send(answer, port, address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const before = dns.getServers();
  dns.setServers([`127.0.0.1:${server.address().port}`]);
  t.after(() => {
    dns.setServers(before);
    server.close();
  });
  return asked;
}

/** The name in a query's first question (RFC 1035, 4.1.2): labels, each after its length. */
function questionOf(query: Buffer): string {
  const labels: string[] = [];
  for (let at = 12, length = query[at] ?? 0; length > 0; at += length + 1, length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
  }
  return labels.join('.');
}
