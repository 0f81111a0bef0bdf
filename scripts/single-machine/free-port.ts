import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

/**
 * A TCP port of the loopback address that nobody listens on: the preferred one, or another when that is taken, as by a
 * second `npm start`. Somebody may take it before it is used: the service then ends, and so does the demo.
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
