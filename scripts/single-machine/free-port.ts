import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

/**
 * A free TCP port of the loopback address: the preferred one, or another if it is taken, for example by a second `npm
 * start`. Another process may take the port before it is used: the service then exits, and so does the demo.
 */
export async function freePort(preferred: number): Promise<number> {
  return (await tryPort(preferred)) ?? (await tryPort(0)) ?? preferred;
}

function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: '127.0.0.1' }, () => {
      const { port: found } = server.address() as AddressInfo;
      server.close(() => resolve(found));
    });
  });
}
