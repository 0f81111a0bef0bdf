import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';

import { CertfleetError } from '../errors.ts';
import { ManualClock } from '../manual-clock.ts';

import { KubeClient } from './api-client.ts';
import { pods } from './api-resource.ts';
import { ResourceWatch } from './resource-watch.ts';
import { ImpatientClock } from './testing/impatient-clock.ts';
import { json, lines, reset, silent, startScriptedServer, status } from './testing/scripted-server.ts';
import type { Script, SeenRequest } from './testing/scripted-server.ts';

interface Fixture {
  readonly watch: ResourceWatch<string>;
  readonly clock: ImpatientClock;
  readonly errors: CertfleetError[];
  /** All calls of the handlers, in order. */
  readonly calls: string[];
  readonly requests: readonly SeenRequest[];
  /** Resolves after that call. */
  readonly called: (what: string) => Promise<void>;
}

interface Handlers {
  readonly throwing?: boolean;
}

async function setUp(t: TestContext, scripts: readonly Script[], handlers: Handlers = {}): Promise<Fixture> {
  const server = await startScriptedServer(...scripts);
  const clock = new ImpatientClock();
  const client = new KubeClient({ credentials: server.credentials, clock, random: () => 0 });
  const errors: CertfleetError[] = [];
  const calls: string[] = [];
  const record = (what: string): void => {
    calls.push(what);
    if (handlers.throwing === true) throw new Error('handler broke');
  };
  const watch = new ResourceWatch({
    client,
    clock,
    resource: pods,
    labelSelector: 'node=a',
    random: () => 0,
    project: (raw) => (raw as { metadata: { name?: string } }).metadata.name,
    onEvent: ({ type, object }) => record(`${type} ${object}`),
    onSynced: (objects) => record(`SYNCED ${objects.join(',')}`),
    onError: (error) => errors.push(error),
  });
  t.after(async () => {
    await watch.stop();
    client.stop();
    await server.close();
  });
  watch.start();
  const called = async (what: string): Promise<void> => {
    while (!calls.includes(what)) await new Promise((resolve) => setImmediate(resolve));
  };
  return { watch, clock, errors, calls, requests: server.requests, called };
}

const object = (name: string, resourceVersion: string): object => ({ metadata: { name, resourceVersion } });
const event = (type: string, name: string, version: string): object => ({ type, object: object(name, version) });
const bookmark = (resourceVersion: string): object => ({ type: 'BOOKMARK', object: { metadata: { resourceVersion } } });
const list = (version: string, names: readonly string[], more?: string): Script =>
  json(200, { metadata: { resourceVersion: version, continue: more }, items: names.map((name) => object(name, '1')) });
const query = (request: SeenRequest | undefined, name: string): string | null | undefined =>
  request?.url.searchParams.get(name);
const expired = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } };

describe('ResourceWatch', () => {
  test('lists, reports the full set, and watches from there', async (t) => {
    const { watch, called, requests, calls } = await setUp(t, [
      list('10', ['a', 'b']),
      lines([event('ADDED', 'c', '11'), event('DELETED', 'a', '12')]),
    ]);
    await watch.ready;
    await called('DELETED a');
    assert.deepEqual(calls, ['SYNCED a,b', 'ADDED c', 'DELETED a']);
    assert.equal(query(requests[0], 'resourceVersion'), '0');
    assert.equal(query(requests[1], 'resourceVersion'), '10');
    assert.equal(query(requests[1], 'allowWatchBookmarks'), 'true');
    assert.equal(query(requests[1], 'labelSelector'), 'node=a');
    assert.equal(query(requests[1], 'timeoutSeconds'), '300');
    assert.equal(watch.isOpen, true);
  });

  test('lists page by page', async (t) => {
    const { called, requests } = await setUp(t, [list('10', ['a'], 'next-page'), list('10', ['b']), lines([])]);
    await called('SYNCED a,b');
    assert.equal(query(requests[0], 'limit'), '500');
    assert.equal(query(requests[1], 'continue'), 'next-page');
    assert.equal(query(requests[1], 'resourceVersion'), null);
  });

  test('resumes from the last bookmark when the server ends the watch', async (t) => {
    const { called, requests, errors, clock } = await setUp(t, [
      list('10', []),
      lines([event('ADDED', 'a', '11'), bookmark('50')], 'end'),
      lines([event('ADDED', 'b', '51')]),
    ]);
    await called('ADDED b');
    assert.equal(query(requests[2], 'resourceVersion'), '50');
    assert.deepEqual([errors, clock.pauses], [[], []]);
  });

  test('resumes from the last event when the connection breaks', async (t) => {
    const { called, requests, errors } = await setUp(t, [
      list('10', []),
      lines([event('ADDED', 'a', '11')], 'break'),
      lines([event('ADDED', 'b', '12')]),
    ]);
    await called('ADDED b');
    assert.equal(query(requests[2], 'resourceVersion'), '11');
    assert.equal(errors.length, 1);
  });

  test("lists again without the server's cache when its version is too old", async (t) => {
    for (const tooOld of [lines([expired]), status(410, 'Gone', 'too old')]) {
      const { called, requests } = await setUp(t, [list('10', ['a']), tooOld, list('90', ['b']), lines([])]);
      await called('SYNCED b');
      assert.equal(query(requests[2], 'watch'), null);
      assert.equal(query(requests[2], 'resourceVersion'), null);
    }
  });

  test('lists again when a page of the list is too old', async (t) => {
    const { called } = await setUp(t, [
      list('10', ['a'], 'next'),
      status(410, 'Expired', 'too old'),
      list('11', ['b']),
      lines([]),
    ]);
    await called('SYNCED b');
  });

  for (const [what, script] of [
    ['garbage', lines(['<html>not json</html>'])],
    ['an event of an unknown type', lines([event('RENAMED', 'x', '11')])],
    ['an event without an object', lines([{ type: 'ADDED' }])],
    ['null', lines(['null'])],
    ['an event without a version', lines([{ type: 'ADDED', object: { metadata: {} } }])],
    ['a line without end', lines(['x'.repeat(9 * 1024 * 1024)])],
    ['a reset', reset],
    ['a 500', status(500, 'InternalError', 'etcd is down')],
    ['an end at once', (_request, response) => void response.writeHead(200).end()],
  ] as const satisfies readonly (readonly [string, Script])[]) {
    test(`backs off and resumes from its version after ${what}`, async (t) => {
      const { called, requests, clock } = await setUp(t, [list('10', []), script, lines([event('ADDED', 'b', '12')])]);
      await called('ADDED b');
      assert.equal(query(requests[2], 'resourceVersion'), '10');
      assert.deepEqual(clock.pauses, [100]);
    });
  }

  test('increases the wait after each failure up to ten seconds, and resets it after a success', async (t) => {
    const failures = Array.from({ length: 9 }, () => reset);
    const { called, clock } = await setUp(t, [
      list('10', []),
      ...failures,
      lines([bookmark('11')], 'break'),
      lines([event('ADDED', 'b', '12')]),
    ]);
    await called('ADDED b');
    assert.deepEqual(clock.pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 100]);
  });

  test('increases the wait after each failed list', async (t) => {
    const failures = Array.from({ length: 8 }, () => status(500, 'InternalError', 'etcd is down'));
    const { called, clock } = await setUp(t, [...failures, list('10', []), lines([event('ADDED', 'b', '12')])]);
    await called('ADDED b');
    assert.deepEqual(clock.pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  });

  test('treats a silent connection as dead', async (t) => {
    const { called, clock, watch } = await setUp(t, [
      list('10', []),
      lines([bookmark('20')]),
      lines([event('ADDED', 'b', '21')]),
    ]);
    await watch.ready;
    while (!watch.isOpen) await new Promise((resolve) => setImmediate(resolve));
    clock.expire();
    await called('ADDED b');
  });

  test('continues when every handler throws', async (t) => {
    const { called, errors } = await setUp(
      t,
      [list('10', ['a']), lines([event('ADDED', 'b', '11'), event('ADDED', 'c', '12')])],
      { throwing: true },
    );
    await called('ADDED c');
    assert.ok(errors.length >= 2 && errors.every(({ message }) => message === 'handler broke'));
  });

  test('stops at any point and then rejects as never ready', async (t) => {
    for (const scripts of [[silent], [list('1', []), silent], [list('1', []), lines([])], [reset]]) {
      const { watch, clock } = await setUp(t, scripts);
      await new Promise((resolve) => setImmediate(resolve));
      await watch.stop();
      assert.equal(clock.deadlines, 0);
    }
    const { watch } = await setUp(t, [silent]);
    await watch.stop();
    await assert.rejects(watch.ready, /stopped/);
  });

  test('waits as long as the API server asks, at most five minutes', async () => {
    const clock = new ManualClock();
    let calls = 0;
    const askedMs = [120_000, 60_000, 86_400_000];
    const refuse = (): Promise<never> => {
      const retryAfterMs = askedMs[calls];
      calls += 1;
      return Promise.reject(
        new CertfleetError('resource-exhausted', 'slow down', { ...(retryAfterMs && { retryAfterMs }) }),
      );
    };
    const watch = new ResourceWatch({
      client: { request: refuse, watch: refuse },
      clock,
      resource: pods,
      random: () => 0,
      project: () => undefined,
      onEvent: () => undefined,
      onSynced: () => undefined,
    });
    watch.start();
    await clock.advance(0);
    for (const [index, waitMs] of [120_000, 60_000, 300_000].entries()) {
      watch.retryNow();
      await clock.advance(waitMs - 1);
      assert.equal(calls, index + 1, `not before ${waitMs} ms`);
      await clock.advance(1);
      assert.equal(calls, index + 2);
    }
    await watch.stop();
  });
});
