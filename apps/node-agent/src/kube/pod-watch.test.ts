import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { ImpatientClock } from '@certfleet/shared/kube/testing/impatient-clock.ts';
import { json, lines, startScriptedServer, status } from '@certfleet/shared/kube/testing/scripted-server.ts';
import type { Script, ScriptedServer } from '@certfleet/shared/kube/testing/scripted-server.ts';
import { PodWatch } from './pod-watch.ts';

interface Fixture {
  readonly watch: PodWatch;
  readonly server: ScriptedServer;
  readonly seen: string[];
  start(): void;
  until(line: string): Promise<void>;
}

async function setUp(t: TestContext, ...scripts: readonly Script[]): Promise<Fixture> {
  const server = await startScriptedServer(...scripts);
  const clock = new ImpatientClock();
  const client = new KubeClient({ credentials: server.credentials, clock, random: () => 0 });
  const watch = new PodWatch({ client, clock, nodeName: 'node-1' });
  const seen: string[] = [];
  t.after(async () => {
    await watch.stop();
    client.stop();
    await server.close();
  });
  return {
    watch,
    server,
    seen,
    start: () =>
      watch.start({
        onAddresses: (uid, addresses, isFirstSight) =>
          seen.push(`${uid} [${addresses.join(' ')}]${isFirstSight ? ' first' : ''}`),
        onError: ({ reason }) => seen.push(`error ${reason}`),
      }),
    until: async (line) => {
      while (!seen.includes(line)) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

const pod = (uid: string, version: string, podStatus: object = {}): object => ({
  metadata: { uid, resourceVersion: version, labels: { secret: 'not kept' } },
  spec: { containers: [{ name: 'x' }] },
  status: podStatus,
});
const list = (version: string, ...items: readonly object[]): Script =>
  json(200, { metadata: { resourceVersion: version }, items });
const ips = (...addresses: readonly string[]): object => ({ podIPs: addresses.map((ip) => ({ ip })) });

describe('PodWatch', () => {
  test('follows the pods of its node only, and reports each change of their addresses once', async (t) => {
    const fixture = await setUp(
      t,
      list('10', pod('a', '1'), pod('b', '2', ips('10.0.0.2'))),
      lines([
        { type: 'MODIFIED', object: pod('b', '11', ips('10.0.0.2')) },
        { type: 'MODIFIED', object: pod('a', '12', { podIP: '10.0.0.1' }) },
        { type: 'MODIFIED', object: pod('b', '13') },
        { type: 'ADDED', object: pod('c', '14') },
        { type: 'MODIFIED', object: pod('c', '15', ips('10.0.0.3', 'fd00::3')) },
      ]),
    );
    fixture.start();
    await fixture.until('c [10.0.0.3 fd00::3]');
    assert.deepEqual(fixture.seen, [
      'a [] first',
      'b [10.0.0.2] first',
      'a [10.0.0.1]',
      'b []',
      'c [] first',
      'c [10.0.0.3 fd00::3]',
    ]);
    assert.deepEqual(fixture.watch.addressesOf('c'), ['10.0.0.3', 'fd00::3']);
    for (const { url } of fixture.server.requests)
      assert.equal(url.searchParams.get('fieldSelector'), 'spec.nodeName=node-1');
  });

  test('forgets a deleted pod, also one that was deleted while the watch was down', async (t) => {
    const gone = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' };
    const fixture = await setUp(
      t,
      list('10', pod('a', '1', ips('10.0.0.1')), pod('b', '2', ips('10.0.0.2'))),
      lines([
        { type: 'DELETED', object: pod('a', '11', ips('10.0.0.1')) },
        { type: 'ERROR', object: gone },
      ]),
      list('20', pod('c', '3', ips('10.0.0.3'))),
      lines([]),
    );
    fixture.start();
    await fixture.until('c [10.0.0.3] first');
    assert.deepEqual(
      ['a', 'b'].map((uid) => fixture.watch.addressesOf(uid)),
      [undefined, undefined],
    );
  });

  test('reports why it cannot see the pods, and recovers', async (t) => {
    const fixture = await setUp(t, status(403, 'Forbidden', 'no'), list('10', pod('a', '1')), lines([]));
    fixture.start();
    await fixture.until('a [] first');
    assert.equal(fixture.seen[0], 'error Forbidden');
  });

  test('keeps nothing after a stop, and starts again', async (t) => {
    const fixture = await setUp(t, list('10', pod('a', '1', ips('10.0.0.1'))), lines([]), list('20', pod('b', '2')));
    fixture.start();
    await fixture.until('a [10.0.0.1] first');
    await fixture.watch.stop();
    assert.equal(fixture.watch.addressesOf('a'), undefined);
    fixture.start();
    await fixture.until('b [] first');
  });
});
