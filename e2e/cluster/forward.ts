import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';

import type { Sandbox } from './sandbox.ts';
import { waitUntil } from './wait.ts';

/** A local port on 127.0.0.1 that leads into a cluster. */
export interface Forward {
  readonly port: number;
  close(): Promise<void>;
}

let forwards = 0;

/**
 * Forwards a new local port to an address in the cluster's network. The two networks only share the file system, so the
 * connection uses a Unix socket: socat serves it inside the cluster, this process outside.
 */
export async function forward(sandbox: Sandbox, host: string, port: number): Promise<Forward> {
  forwards += 1;
  const socketPath = sandbox.path(`forward-${process.pid}-${forwards}.sock`);
  const [enter = '', ...inside] = sandbox.enterNetwork;
  const socat = ['socat', `UNIX-LISTEN:${socketPath},fork`, `TCP:${host}:${port}`];
  const relay = spawn(enter, [...inside, ...socat], { stdio: 'ignore', detached: true });
  relay.unref();
  const relayEnded = once(relay, 'exit');
  const listening = (): Promise<boolean> =>
    access(socketPath).then(
      () => true,
      () => false,
    );
  await waitUntil(`socat to listen on ${socketPath}`, listening, { timeoutMs: 10_000 });

  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(socketPath);
    sockets.add(client);
    // Either side may break the connection, for example when a component is killed; the other side then sees that.
    void pipeline(client, upstream, client)
      .catch(() => undefined)
      .finally(() => sockets.delete(client));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // It does not keep a test running that ends without closing it.
  server.unref();
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      relay.ref();
      relay.kill('SIGTERM');
      await relayEnded;
    },
  };
}
