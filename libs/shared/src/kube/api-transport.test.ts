import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { connect, createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { TLSSocket } from 'node:tls';
import { setImmediate as turn } from 'node:timers/promises';
import { writeTestCertificate } from '../testing/test-certificate.ts';
import { ApiTransport } from './api-transport.ts';
import type { HttpRequest } from './api-transport.ts';
import type { KubeAccess } from './kube-credentials.ts';
import { readJson } from './response-body.ts';
import { ImpatientClock } from './testing/impatient-clock.ts';

/** A request as the server received it. */
interface Met {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly socket: TLSSocket;
}

const never = new AbortController().signal;
const get: HttpRequest = {
  method: 'GET',
  path: '/version',
  contentType: undefined,
  body: undefined,
  bearer: undefined,
  signal: never,
};

let directory: string;
let server: Server;
let access: KubeAccess;
let certificate: string;
let key: string;
let met: Met[];
let answer: (met: Met) => void;

const portOf = (listening: TcpServer): number => (listening.address() as AddressInfo).port;
const echo = ({ request, response }: Met): void => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString()));
  request.on('end', () => response.end(JSON.stringify({ path: request.url, body })));
};

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'certfleet-transport-'));
  const { certificateFile, keyFile } = writeTestCertificate(directory);
  [certificate, key] = [readFileSync(certificateFile, 'utf8'), readFileSync(keyFile, 'utf8')];
  const tls = { cert: certificate, key, requestCert: true, rejectUnauthorized: false };
  server = createServer(tls, (request, response) => {
    const { socket } = request;
    assert.ok(socket instanceof TLSSocket);
    met.push({ request, response, socket });
    answer({ request, response, socket });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
after(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  met = [];
  answer = echo;
  access = { server: `https://127.0.0.1:${portOf(server)}`, headers: {}, tls: { ca: certificate } };
});

function open(t: TestContext): { transport: ApiTransport; clock: ImpatientClock } {
  const clock = new ImpatientClock();
  const credentials = { access: () => Promise.resolve(access), invalidate: () => undefined };
  const transport = new ApiTransport(credentials, 'test', clock);
  t.after(() => transport.stop());
  return { transport, clock };
}

const ask = async (transport: ApiTransport, request: Partial<HttpRequest> = {}): Promise<unknown> =>
  readJson((await transport.send({ ...get, ...request })).body);
const connectionsUsed = (): number => new Set(met.map(({ socket }) => socket.remotePort)).size;

describe('ApiTransport', () => {
  test('accepts only a server certificate of the configured CA', async (t) => {
    const { transport } = open(t);
    assert.deepEqual(await ask(transport), { path: '/version', body: '' });
    access = { ...access, tls: {} };
    await assert.rejects(ask(transport), { code: 'unavailable', message: /self-signed certificate/ });
    assert.equal(met.length, 1);
  });

  test("sends a body with any method, and appends the path to the server's base path unchanged", async (t) => {
    const { transport } = open(t);
    access = { ...access, server: `${access.server}/k8s` };
    const body = '{"preconditions":{"uid":"ü"}}';
    const sent = await ask(transport, { method: 'DELETE', path: '/%2E%2E/x', body, contentType: 'application/json' });
    assert.deepEqual(sent, { path: '/k8s/%2E%2E/x', body });
  });

  test('presents its client certificate for itself, and not with another user’s token', async (t) => {
    const { transport } = open(t);
    access = { ...access, tls: { ca: certificate, cert: certificate, key } };
    await ask(transport);
    await ask(transport, { bearer: 'other' });
    assert.deepEqual(
      met.map(({ socket, request }) => [socket.getPeerX509Certificate()?.subject, request.headers.authorization]),
      [
        ['CN=certfleet test', undefined],
        [undefined, 'Bearer other'],
      ],
    );
  });

  test('opens new connections for new certificates and lets requests in flight finish on the old ones', async (t) => {
    const { transport } = open(t);
    const arrived = Promise.withResolvers<Met>();
    answer = arrived.resolve;
    const before = ask(transport);
    const slow = await arrived.promise;
    answer = echo;
    access = { ...access, tls: { ca: `${certificate}\n` } };
    await ask(transport);
    assert.equal(connectionsUsed(), 2);
    const closed = once(slow.socket, 'close');
    slow.response.end('{"late":true}');
    assert.deepEqual(await before, { late: true });
    await closed;
  });

  test('keeps its connection for a new token', async (t) => {
    const { transport } = open(t);
    await ask(transport);
    access = { ...access, headers: { authorization: 'Bearer new' } };
    await ask(transport);
    assert.deepEqual([connectionsUsed(), met[1]?.request.headers.authorization], [1, 'Bearer new']);
  });

  test('uses the configured proxy and never bypasses it', async (t) => {
    const asked: string[] = [];
    const proxy = createHttpServer().on('connect', ({ url = '' }: IncomingMessage, socket) => {
      asked.push(url);
      const through = connect(portOf(server), '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
      socket.pipe(through).pipe(socket);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    t.after(() => proxy.close());
    const { transport } = open(t);
    access = { ...access, proxyUrl: `http://127.0.0.1:${portOf(proxy)}` };
    await ask(transport);
    await ask(transport);
    assert.deepEqual(asked, [`127.0.0.1:${portOf(server)}`]);
    access = { ...access, proxyUrl: 'socks5://127.0.0.1:1080' };
    await assert.rejects(ask(transport), { code: 'invalid-argument', message: /found socks5:/ });
  });

  test('times out on a server that accepts the connection and does not respond', async (t) => {
    const taken = Promise.withResolvers<void>();
    const mute = createTcpServer((socket) => {
      t.after(() => socket.destroy());
      taken.resolve();
    });
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    t.after(() => mute.close());
    access = { ...access, server: `https://127.0.0.1:${portOf(mute)}` };
    const { transport, clock } = open(t);
    const refused = assert.rejects(ask(transport), { code: 'unavailable', reason: 'ConnectionRefused' });
    await taken.promise;
    clock.expire(10_000);
    await refused;
  });

  test('ends requests in flight on stop and leaves no connect timer', async (t) => {
    const { transport, clock } = open(t);
    const arrived = Promise.withResolvers<Met>();
    answer = arrived.resolve;
    const ended = assert.rejects(ask(transport), { code: 'unavailable', reason: 'ConnectionLost' });
    await arrived.promise;
    transport.stop();
    await ended;
    await turn();
    assert.equal(clock.deadlines, 0);
  });
});
