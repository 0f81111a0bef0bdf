import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createTcpServer, isIPv6 } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, test } from 'node:test';
import { createSecureContext, createServer as createTlsServer } from 'node:tls';
import type { TlsOptions } from 'node:tls';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { writeTestCertificate } from '@certfleet/shared/testing/test-certificate.ts';
import { maxHandshakeBytes, probeTimeoutMs, readServedCertificate } from './read-served-certificate.ts';
import type { ProbeResult } from './read-served-certificate.ts';

const directory = mkdtempSync(join(tmpdir(), 'certfleet-probe-'));
after(() => rmSync(directory, { recursive: true }));

interface Identity {
  readonly key: string;
  readonly cert: string;
  readonly fingerprintSha256: string;
}

function identity(name: string): Identity {
  const path = join(directory, name);
  mkdirSync(path);
  const { certificateFile, keyFile } = writeTestCertificate(path);
  const cert = readFileSync(certificateFile, 'utf8');
  const fingerprintSha256 = new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase();
  return { key: readFileSync(keyFile, 'utf8'), cert, fingerprintSha256 };
}

const [own, other] = [identity('own'), identity('other')];
const servers = new Set<Server>();
const sockets = new Set<Socket>();
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
  sockets.clear();
  servers.clear();
});

async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  servers.add(server);
  server.on('connection', (socket) => sockets.add(socket.on('error', () => undefined)));
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function tlsServer(options: TlsOptions = {}): Server {
  const { key, cert } = own;
  const server = createTlsServer({ key, cert, ...options }, (socket) => socket.on('error', () => undefined).resume());
  return server.on('tlsClientError', () => undefined);
}

/** A server that answers each connection with its own bytes. */
function rawServer(answer: (socket: Socket) => void): Server {
  return createTcpServer({ allowHalfOpen: true }, answer);
}

const clock = new ManualClock();
const never = new AbortController().signal;

function probe(port: number, serverName?: string, address = '127.0.0.1'): Promise<ProbeResult> {
  return readServedCertificate({ address, port, serverName }, { clock, signal: never });
}

describe('readServedCertificate', () => {
  afterEach(() => assert.equal(clock.timers, 0, 'a probe left a timer'));

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`reads the certificate of a server with ${version} and ends the connection in order`, async () => {
      const server = tlsServer({ minVersion: version, maxVersion: version });
      const port = await listen(server);
      const [result, [socket]] = await Promise.all([
        probe(port),
        once(server, 'secureConnection') as Promise<[Socket]>,
      ]);
      assert.deepEqual(result, { fingerprintSha256: own.fingerprintSha256 });
      if (!socket.closed) await once(socket, 'close');
      assert.equal(socket.errored, null);
    });

    test(`reads the certificate of a server with ${version} that requires one of the client`, async () => {
      const server = tlsServer({ maxVersion: version, requestCert: true, rejectUnauthorized: true });
      assert.deepEqual(await probe(await listen(server)), { fingerprintSha256: own.fingerprintSha256 });
    });
  }

  test('reads the certificate at an IPv6 address', async (t) => {
    const server = tlsServer();
    const port = await listen(server, '::1').catch(() => undefined);
    if (port === undefined) {
      t.skip('no IPv6 on this machine');
      return;
    }
    assert.ok(isIPv6((server.address() as AddressInfo).address));
    assert.deepEqual(await probe(port, undefined, '::1'), { fingerprintSha256: own.fingerprintSha256 });
  });

  test('sends the server name, and none without one', async () => {
    const seen: string[] = [];
    const context = createSecureContext({ key: other.key, cert: other.cert });
    const server = tlsServer({
      SNICallback: (name, answer) => {
        seen.push(name);
        answer(null, context);
      },
    });
    const port = await listen(server);
    assert.deepEqual(await probe(port), { fingerprintSha256: own.fingerprintSha256 });
    assert.deepEqual(await probe(port, 'web.shop.svc'), { fingerprintSha256: other.fingerprintSha256 });
    assert.deepEqual(seen, ['web.shop.svc']);
  });

  test('finds no certificate if the server needs a name', async () => {
    const server = tlsServer({ SNICallback: (_, answer) => answer(new Error('unknown name')) });
    assert.deepEqual(await probe(await listen(server), 'web'), { failure: 'no-certificate' });
  });

  test('reports a port without a listener', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    server.close();
    await once(server, 'close');
    assert.deepEqual(await probe(port), { failure: 'refused' });
  });

  test('reports a server without TLS, with an alert, or with an early end', async () => {
    const fatalAlert = Buffer.from([21, 3, 3, 0, 2, 2, 40]);
    const answers: ((socket: Socket) => void)[] = [
      (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
      (socket) => socket.end('220 mail ESMTP\r\n'),
      (socket) => socket.end(fatalAlert),
      (socket) => socket.end(),
      (socket) => socket.destroy(),
      (socket) => socket.resetAndDestroy(),
      (socket) => socket.end(Buffer.alloc(300, 0xff)),
    ];
    for (const answer of answers) {
      const port = await listen(rawServer(answer));
      assert.deepEqual(await probe(port), { failure: 'no-certificate' });
    }
  });

  test('gives up on a server that sends nothing', async () => {
    const server = rawServer((socket) => socket.resume());
    const port = await listen(server);
    const result = probe(port);
    const [socket] = (await once(server, 'connection')) as [Socket];
    await once(socket, 'data');
    await clock.advance(probeTimeoutMs - 1);
    assert.equal(clock.timers, 1);
    await clock.advance(1);
    assert.deepEqual(await result, { failure: 'timeout' });
    if (!socket.closed && !socket.readableEnded) await once(socket, 'end');
  });

  test('gives up on a server that sends a byte now and then', async () => {
    // A handshake record of 16 KiB, which it never completes.
    const drips = [22, 3, 3, 64, 0, 2, 0, 63, 252];
    const server = rawServer((socket) => socket.resume());
    const port = await listen(server);
    const result = probe(port);
    const [socket] = (await once(server, 'connection')) as [Socket];
    for (const drip of drips) {
      await new Promise((resolve) => socket.write(Buffer.from([drip]), resolve));
      await clock.advance(probeTimeoutMs / drips.length);
    }
    await clock.advance(1);
    assert.deepEqual(await result, { failure: 'timeout' });
  });

  test('reads no more of an endless handshake than the limit', async () => {
    // Records of type handshake without end; their content is part of one message of 16 MiB.
    const record = Buffer.alloc(5 + 16_384, 0);
    record.set([22, 3, 3, 64, 0, 2, 255, 255, 255]);
    let written = 0;
    const server = rawServer((socket) => {
      const flood = (): void => {
        while (!socket.destroyed && written < 64 * maxHandshakeBytes) {
          written += record.length;
          if (!socket.write(record)) return void socket.once('drain', flood);
        }
      };
      flood();
    });
    const result = await probe(await listen(server));
    assert.deepEqual(result, { failure: 'no-certificate' });
  });

  test('refuses a chain that is larger than the limit', async () => {
    const chain = [own.cert, ...Array.from({ length: 200 }, () => other.cert)].join('\n');
    assert.ok(chain.length * 0.7 > maxHandshakeBytes);
    const server = tlsServer({ cert: chain });
    assert.deepEqual(await probe(await listen(server)), { failure: 'no-certificate' });
  });

  test('reads a certificate from a server that floods the client after the handshake', async () => {
    const server = createTlsServer({ key: own.key, cert: own.cert }, (socket) => {
      socket.on('error', () => undefined);
      const flood = (): void => {
        while (!socket.destroyed && socket.write(Buffer.alloc(16_384)));
        socket.once('drain', flood);
      };
      flood();
    });
    assert.deepEqual(await probe(await listen(server)), { fingerprintSha256: own.fingerprintSha256 });
  });

  test('does not wait for a server that never ends the connection', async () => {
    const server = createTlsServer({ key: own.key, cert: own.cert, allowHalfOpen: true }, (socket) =>
      socket.on('error', () => undefined).resume(),
    );
    const port = await listen(server);
    const result = probe(port);
    const [socket] = (await once(server, 'secureConnection')) as [Socket];
    if (!socket.readableEnded) await once(socket, 'end');
    await clock.advance(probeTimeoutMs);
    assert.deepEqual(await result, { fingerprintSha256: own.fingerprintSha256 });
  });

  test('ends when it is aborted', async () => {
    const server = rawServer((socket) => socket.resume());
    const port = await listen(server);
    const abort = new AbortController();
    const result = readServedCertificate(
      { address: '127.0.0.1', port, serverName: undefined },
      { clock, signal: abort.signal },
    );
    await once(server, 'connection');
    abort.abort();
    assert.deepEqual(await result, { failure: 'timeout' });
    const aborted = { clock, signal: abort.signal };
    assert.deepEqual(await readServedCertificate({ address: '127.0.0.1', port, serverName: undefined }, aborted), {
      failure: 'timeout',
    });
  });
});
