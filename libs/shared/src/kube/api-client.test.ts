import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { inspect } from 'node:util';

import { CertfleetError } from '../errors.ts';

import { ManualClock } from '../manual-clock.ts';

import { KubeClient } from './api-client.ts';
import type { ApiRequest, KubeClientOptions } from './api-client.ts';
import { pods } from './api-resource.ts';
import { ImpatientClock } from './testing/impatient-clock.ts';
import { json, reset, silent, startScriptedServer, status } from './testing/scripted-server.ts';
import type { Script, ScriptedServer } from './testing/scripted-server.ts';

const read: ApiRequest = { verb: 'get', resource: pods, namespace: 'shop', name: 'cart' };
const create: ApiRequest = { verb: 'create', resource: pods, namespace: 'shop', body: { kind: 'Pod' } };

interface Fixture {
  readonly server: ScriptedServer;
  readonly client: KubeClient;
  readonly clock: ImpatientClock;
}

async function setUp(
  t: TestContext,
  scripts: readonly Script[],
  options: Partial<KubeClientOptions> = {},
): Promise<Fixture> {
  const server = await startScriptedServer(...scripts);
  const clock = new ImpatientClock();
  const client = new KubeClient({ credentials: server.credentials, clock, random: () => 0, ...options });
  t.after(async () => {
    client.stop();
    await server.close();
  });
  return { server, client, clock };
}

function fails(expected: Partial<CertfleetError>): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof CertfleetError, inspect(thrown));
    for (const [key, value] of Object.entries(expected)) {
      if (value instanceof RegExp) assert.match(thrown.message, value);
      else assert.deepEqual(thrown[key as keyof CertfleetError], value, thrown.message);
    }
    return true;
  };
}

describe('KubeClient', () => {
  test("sends JSON with the agent's credentials and returns the response", async (t) => {
    const { server, client } = await setUp(t, [json(201, { metadata: { name: 'cart' } })]);
    assert.deepEqual(await client.request(create), { metadata: { name: 'cart' } });
    const [request] = server.requests;
    assert.equal(request?.method, 'POST');
    assert.equal(request.url.pathname, '/api/v1/namespaces/shop/pods');
    assert.equal(request.headers.authorization, 'Bearer agent-token');
    assert.equal(request.headers['content-type'], 'application/json');
    assert.equal(request.body, '{"kind":"Pod"}');
  });

  test('escapes names, so that a hostile name cannot reach another resource', async (t) => {
    const { server, client } = await setUp(t, [json(200, {})]);
    await client.request({ ...read, name: '../secrets/x?y' });
    await client.request({ ...read, name: '..' });
    assert.equal(server.requests[0]?.url.pathname, '/api/v1/namespaces/shop/pods/..%2Fsecrets%2Fx%3Fy');
    // URL parsers decode %2E%2E to `..`; this checks the raw request.
    assert.equal(server.requests.length, 2);
  });

  test('reuses connections', async (t) => {
    const ports = new Set<number | undefined>();
    const { client } = await setUp(t, [
      (request, response) => {
        ports.add(response.socket?.remotePort);
        json(200, {})(request, response);
      },
    ]);
    for (let i = 0; i < 20; i += 1) await client.request(read);
    // undici may open a second one while the first is being freed.
    assert.ok(ports.size <= 2, `${ports.size} connections`);
  });

  for (const code of [429, 503]) {
    test(`waits as long as a ${code} response asks and retries`, async (t) => {
      const refuse = status(code, 'TooManyRequests', 'slow down', { 'retry-after': '3' });
      const { server, client, clock } = await setUp(t, [refuse, refuse, json(201, { done: true })]);
      assert.deepEqual(await client.request(create), { done: true });
      assert.equal(server.requests.length, 3);
      assert.deepEqual(clock.pauses, [3000, 3000]);
    });
  }

  test('gives up on 429 after ten retries', async (t) => {
    const { server, client } = await setUp(t, [status(429, 'TooManyRequests', 'slow down', { 'retry-after': '1' })]);
    await assert.rejects(
      client.request(create),
      fails({ code: 'resource-exhausted', retryable: true, retryAfterMs: 1000 }),
    );
    assert.equal(server.requests.length, 11);
  });

  test('leaves a Retry-After of minutes to the caller', async (t) => {
    const { server, client } = await setUp(t, [status(503, 'ServiceUnavailable', 'later', { 'retry-after': '600' })]);
    await assert.rejects(client.request(read), fails({ code: 'unavailable', retryAfterMs: 600_000 }));
    assert.equal(server.requests.length, 1);
  });

  test('sends no request within a Retry-After of an earlier one, for at most five minutes', async (t) => {
    const clock = new ManualClock();
    const refuse = status(429, 'TooManyRequests', 'later', { 'retry-after': '86400' });
    const { server, client } = await setUp(t, [refuse, json(201, { done: true })], { clock });
    await assert.rejects(client.request(create), fails({ code: 'resource-exhausted' }));
    await clock.advance(200_000);
    await assert.rejects(client.request(create), fails({ code: 'resource-exhausted', retryAfterMs: 100_000 }));
    assert.equal(server.requests.length, 1);
    clock.stepWall(-86_400_000);
    await clock.advance(100_000);
    assert.deepEqual(await client.request(create), { done: true });
  });

  test('does not delay requests of another verb, namespace or user after a refusal', async (t) => {
    const refuse = status(429, 'TooManyRequests', 'later', { 'retry-after': '600' });
    const { client } = await setUp(t, [refuse, json(200, {})]);
    await assert.rejects(client.request(create), fails({ code: 'resource-exhausted' }));
    await client.request(read);
    await client.request({ ...create, namespace: 'other' });
    await client.request({ ...create, bearer: 'token' });
    await assert.rejects(client.request(create), fails({ code: 'resource-exhausted' }));
  });

  test('stops waiting for a retry when the caller aborts', async (t) => {
    const { client, server } = await setUp(t, [
      (request, response) => {
        status(429, 'TooManyRequests', 'slow down', { 'retry-after': '40' })(request, response);
        response.on('close', () =>
          setImmediate(() => caller.abort(new CertfleetError('deadline-exceeded', 'too late'))),
        );
      },
    ]);
    const caller = new AbortController();
    await assert.rejects(client.request({ ...create, signal: caller.signal }), fails({ code: 'deadline-exceeded' }));
    assert.equal(server.requests.length, 1);
  });

  test('retries a read after a lost connection', async (t) => {
    const { client } = await setUp(t, [reset, reset, json(200, { found: true })]);
    assert.deepEqual(await client.request(read), { found: true });
  });

  test('retries a create after a lost connection only if the caller allows it', async (t) => {
    const first = await setUp(t, [reset, json(201, {})]);
    await assert.rejects(first.client.request(create), fails({ code: 'unavailable', reason: 'ConnectionLost' }));
    assert.equal(first.server.requests.length, 1);
    const second = await setUp(t, [reset, json(201, {})]);
    await second.client.request({ ...create, repeatable: true });
    assert.equal(second.server.requests.length, 2);
  });

  test('retries a read when the response is truncated', async (t) => {
    const { client } = await setUp(t, [
      (_request, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"half":', () => response.socket?.resetAndDestroy());
      },
      json(200, { whole: true }),
    ]);
    assert.deepEqual(await client.request(read), { whole: true });
  });

  test('retries any request when the connection is refused, then reports it', async (t) => {
    const { client, server, clock } = await setUp(t, [json(200, {})]);
    await server.close();
    await assert.rejects(
      client.request(create),
      fails({ code: 'unavailable', reason: 'ConnectionRefused', retryable: true }),
    );
    assert.equal(clock.pauses.length, 10);
    assert.ok(clock.pauses.every((pause) => pause <= 2000));
  });

  test('rejects a response without end', async (t) => {
    const { client } = await setUp(t, [
      (_request, response) => {
        const chunk = Buffer.alloc(1024 * 1024, 'x');
        const pour = (): void => {
          while (!response.destroyed && response.write(chunk));
          response.once('drain', pour);
        };
        response.writeHead(200);
        pour();
      },
    ]);
    await assert.rejects(
      client.request(create),
      fails({ code: 'resource-exhausted', reason: 'ResponseTooLarge', retryable: false }),
    );
  });

  test('times out when the server does not respond', async (t) => {
    const { client, clock } = await setUp(t, [
      (request, response) => {
        silent(request, response);
        setImmediate(() => clock.expire());
      },
    ]);
    await assert.rejects(client.request(read), fails({ code: 'deadline-exceeded', reason: 'RequestTimeout' }));
    assert.equal(clock.deadlines, 0);
  });

  test('limits the requests in flight', async (t) => {
    const open: (() => void)[] = [];
    const { client, server } = await setUp(
      t,
      [(request, response) => open.push(() => json(200, {})(request, response))],
      {
        maxInFlight: 2,
      },
    );
    const all = Promise.all(Array.from({ length: 5 }, () => client.request(read)));
    for (let answered = 0; answered < 5; answered += 1) {
      while (open.length === 0) await new Promise((resolve) => setImmediate(resolve));
      assert.ok(server.requests.length <= answered + 2, 'more than two in flight');
      open.shift()?.();
    }
    await all;
  });

  test('limits the request rate when configured', async (t) => {
    const { client, clock } = await setUp(t, [json(200, {})], { qps: 2, burst: 1 });
    await client.request(read);
    await client.request(read);
    await client.request(read);
    assert.deepEqual(clock.pauses, [500, 500]);
  });

  test('uses the given ServiceAccount token and never logs it', async (t) => {
    const token = 'header.very-secret-payload.signature';
    for (const script of [reset, status(403, 'Forbidden', 'no'), status(401, 'Unauthorized', 'who?'), json(201, {})]) {
      const { client, server } = await setUp(t, [script]);
      const error: unknown = await client.request({ ...create, bearer: token }).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      assert.equal(server.requests[0]?.headers.authorization, `Bearer ${token}`);
      assert.equal(server.requests.length, 1, "expected no retry with another's token");
      assert.ok(
        !inspect(error, { depth: 20, showHidden: true }).includes('very-secret'),
        inspect(error, { depth: 20 }),
      );
    }
  });

  test('reads its own credentials again once when they are refused', async (t) => {
    const { client, server } = await setUp(t, [status(401, 'Unauthorized', 'expired'), json(200, {})]);
    let invalidated = 0;
    server.credentials.invalidate = () => (invalidated += 1);
    await client.request(read);
    assert.equal(invalidated, 1);
    const always = await setUp(t, [status(401, 'Unauthorized', 'expired')]);
    await assert.rejects(always.client.request(read), fails({ code: 'unauthenticated', retryable: true }));
    assert.equal(always.server.requests.length, 2);
  });

  test('reports every response by verb, resource and code', async (t) => {
    const seen: unknown[] = [];
    const onResponse: KubeClientOptions['onResponse'] = (verb, resource, code) => seen.push([verb, resource, code]);
    const { client } = await setUp(t, [status(404, 'NotFound', 'none'), reset, json(200, {})], { onResponse });
    await assert.rejects(client.request(read));
    await client.request(read);
    assert.deepEqual(seen, [
      ['get', 'pods', 404],
      ['get', 'pods', 0],
      ['get', 'pods', 200],
    ]);
  });

  test('opens a watch without a timeout', async (t) => {
    const { client, clock, server } = await setUp(t, [(_request, response) => response.writeHead(200).flushHeaders()]);
    const signal = new AbortController();
    const body = await client.watch({ resource: pods }, signal.signal);
    assert.equal(clock.deadlines, 0);
    assert.equal(server.requests[0]?.url.searchParams.get('watch'), 'true');
    const failed = once(body, 'error');
    signal.abort(new Error('enough'));
    await failed;
  });
});
